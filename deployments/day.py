"""One trading day from bell to bell: the main job.

Check the input, open the session, ask whether we may trade, trade it minute by minute, close it.
Each part looks where the last attempt came to, so the same command carries on after Ctrl-C, a
crash or a red checklist; a day that is closed is a new day's beginning.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from rich.console import Console

from deployments import runner
from deployments.day_table import DayResult, as_table, read_result
from deployments.orchestrator import Orchestrator
from deployments.session import DayRequest, Gateway, Next, Session, what_next
from deployments.terminal import Terminal, show_end, show_results
from deployments.trading import trade
from infra.embedded import programs
from trading_core.clock import poll, seconds
from trading_core.errors import ConfigurationError, NotVerified
from trading_core.settings import Settings
from trading_core.storage.connect import Database
from trading_core.storage.trading import days

CHECKLIST, END_OF_DAY = "pre-market-checklist", "end-of-day"
# A Thursday without news, in the exchange's calendar for good.
DEFAULT_DATE = date(2024, 3, 14)
_FLOW_WITHIN = seconds(1800)
_KNOWN_WITHIN = seconds(30)
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
        session = self._known_session()
        step = what_next(session, request, closed=self._is_closed(session))
        if step is Next.OPEN:
            session, step = self._open(request), Next.CHECK
        else:
            self.console.print(f"{session.trading_date} is under way: {step}")
        if step is Next.CHECK:
            if not self._run_flow(CHECKLIST, session):
                return _NOT_DONE
            step = Next.TRADE
        if step is Next.TRADE and not self._trade():
            return _NOT_DONE
        closed = self._run_flow(END_OF_DAY, session)
        result = read_result(self.settings, session.account, request.trading_date)
        self.console.print()
        self.console.print(as_table(result))
        self._print_addresses(result)
        return _DONE if closed and result.is_closed else _NOT_DONE

    def _known_session(self) -> Session:
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

    def _is_closed(self, session: Session) -> bool:
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

    def _run_flow(self, name: str, session: Session) -> bool:
        """Run a runbook through its deployment and the worker; return whether it completed."""
        values = {"trading_date": f"{session.trading_date}", "requested_by": "tradeops day"}
        started = runner.start(self.orchestrator, name, values, window=session.session_id)
        self.console.print(f"\n[bold]{name}[/]")
        with Terminal(self.console) as terminal:
            ended = runner.follow(self.orchestrator, started, terminal, within=_FLOW_WITHIN)
        if name == CHECKLIST or not ended.is_completed:
            published = self.orchestrator.artifacts(ended.id)
            show_results(self.console, published, with_record=False)
        show_end(self.console, ended, terminal.next_step)
        return ended.is_completed

    def _trade(self) -> bool:
        self.console.print("\n[bold]session[/]")
        ended = trade(self.gateway, self.database, self.console)
        if ended.state == "finished":
            return True
        self.console.print(f"[bold red]{ended.state}[/] {ended.reason}")
        self.console.print("next: mend that, then give the same command again: the day carries on")
        return False

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
