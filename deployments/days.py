"""Several days in a row with no hand on the keyboard: planned, run and closed, one after another.

Every date of the calendar is planned by plan-session, as in production. On one without a session
nothing runs, and it says why. The account goes on from day to day: what is held overnight, and the
cash.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import date, timedelta

from rich.console import Console
from rich.table import Table

from deployments import runner
from deployments.day import PLAN, Job, plan_of
from deployments.day_table import read_result
from deployments.orchestrator import Orchestrator
from deployments.planned_day import came_to, held_runs, wait_for_end
from deployments.session import DayRequest, Gateway, Session
from trading_core.calendar.exchange_calendar import ExchangeCalendar
from trading_core.calendar.hours import SessionHours
from trading_core.errors import ConfigurationError
from trading_core.settings import Settings
from trading_core.storage.connect import Database

_PLANNED_WITHIN_SECONDS = 300
_DAYS_MAX = 366
_DONE, _NOT_DONE = 0, 1


@dataclass(frozen=True, slots=True)
class CalendarDay:
    """One date to go through.

    Attributes:
        session: None: the exchange is closed.
        why: What is special about it.
    """

    date: date
    session: SessionHours | None
    why: str


def calendar_days(calendar: ExchangeCalendar, first: date, last: date) -> list[CalendarDay]:
    """Return every date from `first` to `last`, both included.

    Raises:
        ConfigurationError: The dates are in the wrong order, or too many.
    """
    count = (last - first).days + 1
    if not 1 <= count <= _DAYS_MAX:
        raise ConfigurationError(
            f"--from {first} --to {last}: expected 1 to {_DAYS_MAX} days, was {count}",
            next_step="give the first date first",
        )
    sessions = {one.date: one for one in calendar.sessions(first, last)}
    dates = [first + timedelta(days=number) for number in range(count)]
    return [CalendarDay(one, sessions.get(one), calendar.why(one)) for one in dates]


@dataclass(frozen=True, slots=True)
class Days:
    """The days on one stack."""

    job: Job
    request: DayRequest
    days: list[CalendarDay]

    def run(self) -> int:
        """Go through all that is left of them; return the exit code of the first that stops."""
        table = Table("date", "session", "runs", "P&L", "cash", "held overnight", "day")
        for day in self._left():
            if day.session is None:
                self._say_why_nothing_runs(day)
                table.add_row(f"{day.date:%a %F}", day.why, "0", "", "", "", "closed")
                continue
            code = self.job.run(replace(self.request, trading_date=day.date))
            table.add_row(f"{day.date:%a %F}", str(day.session), *self._came_to())
            if code:
                self.job.console.print(table)
                return code
        self.job.console.print(table)
        return _DONE

    def _left(self) -> Iterator[CalendarDay]:
        """Yield the days from where the exchange stands; from the first, when all are over."""
        session = self.job.known_session()
        over = self._is_over(session)
        following = [day for day in self.days if over is not None and day.date > over]
        trading = any(day.session for day in following)
        yield from following if trading else self.days

    def _is_over(self, session: Session) -> date | None:
        """Return the last date that is behind the desk, when it is in the midst of these days."""
        dates = [day.date for day in self.days]
        if session.trading_date not in dates or not session.is_of(
            replace(self.request, trading_date=session.trading_date)
        ):
            return None
        closed = self.job.is_closed(session)
        return session.trading_date if closed else session.trading_date - timedelta(days=1)

    def _say_why_nothing_runs(self, day: CalendarDay) -> None:
        """Have the date planned all the same: the plan says why it is empty."""
        orchestrator = self.job.orchestrator
        values = {"trading_date": f"{day.date}", "days": 1, "requested_by": "tradeops days"}
        ended = wait_for_end(
            orchestrator, runner.start(orchestrator, PLAN, values), _PLANNED_WITHIN_SECONDS
        )
        planned = "" if ended.is_completed else f"; {PLAN}: {ended.state_name} {ended.message}"
        words = f"{day.date:%A %F}: no session, {day.why}; nothing runs{planned}"
        self.job.console.print(f"\n[bold]{words}[/]")

    def _came_to(self) -> list[str]:
        session = self.job.known_session()
        assert session.trading_date is not None, "a day was just traded"
        result = read_result(self.job.settings, session.account, session.trading_date)
        runs = held_runs(self.job.orchestrator, plan_of(session))
        held = [
            f"{one.position.quantity} {one.position.symbol}"
            for one in result.facts.positions
            if one.position.quantity
        ]
        profit = result.facts.pnl
        return [
            came_to(runs),
            "" if profit is None else f"{profit.total_pnl_usd:+,.2f}",
            f"{result.exchange_cash_usd:,.2f}",
            ", ".join(held) or "nothing",
            "closed" if result.is_closed else "open",
        ]


def run_days(
    settings: Settings,
    request: DayRequest,
    days: list[CalendarDay],
    console: Console,
    up: Callable[[], None],
) -> int:
    """Run days in a row.

    Args:
        request: The market; its date is each day's own.
        up: Brings the stack up; doing it twice is doing it once.

    Returns:
        0 when every day that has a session is closed, else what the first one that is not came to.
    """
    up()
    database = Database(settings.live_secret("trading_dsn"), application="days", connections_max=2)
    with Gateway(settings) as gateway, Orchestrator.of(settings) as orchestrator, database:
        job = Job(settings, console, gateway, orchestrator, database)
        return Days(job, request, days).run()
