"""One trading day from bell to bell: the main job.

Check the input, open the session, plan it, and let each planned run begin when the exchange's clock
is there: the checklist that asks whether we may trade, the reviews, the close.
Each part looks where the last attempt came to, so the same command carries on after Ctrl-C, a
crash or a red checklist; a day that is closed is a new day's beginning.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path

from rich.console import Console
from rich.markup import escape

from deployments import runner
from deployments.day_table import DayResult, as_table, read_result
from deployments.orchestrator import FlowRun, Orchestrator
from deployments.planned_day import HeldRun, held_runs, let_go, wait_for_end
from deployments.session import DayRequest, Gateway, Next, Session, what_next
from deployments.terminal import Terminal, show_end, show_results
from deployments.trading import trade
from infra.embedded import programs
from trading_core.clock import poll, seconds
from trading_core.errors import ConfigurationError, NotVerified
from trading_core.ledger.session import Session as LedgerSession
from trading_core.settings import Settings
from trading_core.storage.connect import Database
from trading_core.storage.trading import days

PLAN, CHECKLIST, END_OF_DAY = "plan-session", "pre-market-checklist", "end-of-day"
# Without these there is no day; the others tell how it goes.
_NEEDED = frozenset({CHECKLIST, END_OF_DAY})
# A Thursday without news, in the exchange's calendar for good.
DEFAULT_DATE = date(2024, 3, 14)
_FLOW_WITHIN = seconds(1800)
_KNOWN_WITHIN = seconds(30)
_MINUTE = timedelta(minutes=1)
_DONE, _NOT_DONE = 0, 1


def make_request(
    directory: Path | None, day: date | None, symbols: tuple[str, ...] | None, seed: int
) -> DayRequest:
    """Return the request, once its input has been read and believed. Nothing has started then.

    Raises:
        ConfigurationError: Names the file, line and field that is wrong, or the option.
    """
    from trading_core.paper.market.sessions import SessionSpec, load_tape

    if directory is not None and day is None:
        raise ConfigurationError(
            "--date: expected one beside --data, was none",
            next_step="add --date YYYY-MM-DD, a date the directory has bars of",
        )
    place = None if directory is None else directory.expanduser().absolute()
    request = DayRequest(day or DEFAULT_DATE, place, symbols, seed)
    load_tape(
        SessionSpec(
            request.source,
            None if place is None else str(place),
            request.trading_date,
            symbols,
            seed,
        )
    )
    return request


@dataclass(frozen=True, slots=True)
class Job:
    """One attempt at a day, and everything it speaks to."""

    settings: Settings
    console: Console
    gateway: Gateway
    orchestrator: Orchestrator
    database: Database

    def run(self, request: DayRequest) -> int:
        """Bring the day to its close from wherever it stands; return the exit code."""
        session = self.known_session()
        step = what_next(session, request, closed=self.is_closed(session))
        if step is Next.OPEN:
            session = self._open(request)
        else:
            self.console.print(f"{session.trading_date} is under way: {step}")
        if not self._run_by_hand(PLAN, session, {"days": 1}):
            return _NOT_DONE
        for held in held_runs(self.orchestrator, plan_of(session)):
            if not self._take(held, session) and held.runbook in _NEEDED:
                return _NOT_DONE
        result = read_result(self.settings, session.account, request.trading_date)
        self.console.print()
        self.console.print(as_table(result))
        self._print_addresses(result)
        return _DONE if result.is_closed else _NOT_DONE

    def _take(self, held: HeldRun, session: Session) -> bool:
        """Bring market time to where a planned run is due, and run it; return whether it is done.

        What was red is tried again by hand when the command is given again; what only looks back
        at a moment that is over is not.
        """
        if held.run.is_completed or (held.run.is_final and held.runbook not in _NEEDED):
            return True
        reached = self._reach(held.planned.due_at)
        if reached is None:
            return False
        if held.run.is_final:
            return self._run_by_hand(held.runbook, session)
        run = let_go(self.orchestrator, held, reached)
        if held.runbook in _NEEDED:
            self.console.print(f"\n[bold]{held.title}[/]")
            return self._follow(held.runbook, run)
        ended = wait_for_end(self.orchestrator, run, _FLOW_WITHIN.total_seconds())
        self._say_how_it_ended(held, ended)
        return ended.is_completed

    def _reach(self, due_at: datetime) -> datetime | None:
        """Let market time move until a run is due; None: it stopped before that."""
        session = self.gateway.session()
        assert session.opens_at is not None, "a session that is open has its hours"
        assert session.now is not None, "and a clock"
        # Before the open the clock stands at the session's start: what is due then begins there.
        if due_at < session.opens_at or session.now >= due_at or session.state == "finished":
            return session.now
        ended = trade(
            self.gateway, self.database, self.console, max(due_at, session.opens_at + _MINUTE)
        )
        if ended.state == "finished" or (ended.now is not None and ended.now >= due_at):
            return ended.now
        self.console.print(f"[bold red]{ended.state}[/] {ended.reason}")
        self.console.print("next: mend that, then give the same command again: the day carries on")
        return None

    def known_session(self) -> Session:
        """Return the session; a gateway just started may have to ask the exchange for it first."""
        found: list[Session] = []

        def known() -> bool:
            found[:] = [self.gateway.session()]
            return found[0].state == "none" or found[0].trading_date is not None

        if not poll(known, within=_KNOWN_WITHIN):
            raise NotVerified(
                f"session: expected the exchange to know the {found[0].state} one, did not",
                next_step="see `tradeops status` and the log of paper_exchange",
            )
        return found[0]

    def is_closed(self, session: Session) -> bool:
        """Whether the session's day is closed."""
        if session.trading_date is None:
            return False
        with self.database.transaction() as connection:
            day = days.find(connection, session.account, session.trading_date)
        return day is not None and day.closed_at is not None

    def _open(self, request: DayRequest) -> Session:
        session = self.gateway.open(request)
        market = f"bars of {request.directory}"
        if request.source == "synthetic":
            market = f"synthetic market, seed {session.seed}"
        names = ", ".join(session.symbols)
        self.console.print(f"{session.trading_date}, account {session.account}: {names}; {market}")
        return session

    def _run_by_hand(
        self, name: str, session: Session, values: Mapping[str, object] | None = None
    ) -> bool:
        """Run a runbook through its deployment, due or not; return whether it completed."""
        given = {"trading_date": f"{session.trading_date}", "requested_by": "tradeops day"}
        window = session.session_id
        started = runner.start(self.orchestrator, name, given | dict(values or {}), window=window)
        self.console.print(f"\n[bold]{name}[/]")
        return self._follow(name, started)

    def _follow(self, name: str, run: FlowRun) -> bool:
        with Terminal(self.console) as terminal:
            ended = runner.follow(self.orchestrator, run, terminal, within=_FLOW_WITHIN)
        if name == CHECKLIST or not ended.is_completed:
            published = self.orchestrator.artifacts(ended.id)
            show_results(self.console, published, with_record=False)
        show_end(self.console, ended, terminal.next_step)
        return ended.is_completed

    def _say_how_it_ended(self, held: HeldRun, ended: FlowRun) -> None:
        if ended.is_completed:
            self.console.print(f"  {held.title}: [green]done[/]")
            return
        self.console.print(f"  {held.title}: [red]{ended.state_name}[/] {escape(ended.message)}")
        show_results(self.console, self.orchestrator.artifacts(ended.id), with_record=False)

    def _print_addresses(self, result: DayResult) -> None:
        url = self.settings.url
        has_prometheus = any(row.name == "prometheus" for row in programs.rows(self.settings))
        addresses = {
            "Prefect": url("prefect_server"),
            "report": "none" if result.report is None else result.report.as_uri(),
            "metrics": url("prometheus") if has_prometheus else f"{url('gateway')}/metrics",
        }
        for label, address in addresses.items():
            self.console.print(f"  {label:<8} {address}", soft_wrap=True)


def plan_of(session: Session) -> str:
    """Return the name of the plan of a session, as plan-session gives it in a replay."""
    assert session.trading_date is not None, "a session that is open has a date"
    return str(LedgerSession(session.account, session.trading_date))


def run_day(
    settings: Settings, request: DayRequest, console: Console, up: Callable[[], None]
) -> int:
    """Run one trading day.

    Args:
        settings: Which stack.
        request: As `make_request` returned it.
        console: Where to tell it.
        up: Brings the stack up; doing it twice is doing it once.

    Returns:
        0 when the day is closed, 1 when it is not: not ready, stopped, or breaks.
    """
    up()
    database = Database(settings.live_secret("trading_dsn"), application="day", connections_max=2)
    with (
        Gateway(settings) as gateway,
        Orchestrator.of(settings) as orchestrator,
        database,
    ):
        return Job(settings, console, gateway, orchestrator, database).run(request)
