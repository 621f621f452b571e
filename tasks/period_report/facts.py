"""What is known of a period: its days, its trades, and what happened meanwhile."""

from dataclasses import dataclass, replace
from datetime import date, datetime

from psycopg import Connection

from tasks.period_report.period import Period, Span, month_of, performance_until, week_of
from trading_core.clock import SystemClock
from trading_core.domain.fills import Fill
from trading_core.errors import CheckFailed
from trading_core.performance.execution import Execution
from trading_core.settings import Settings
from trading_core.storage.connect import connect
from trading_core.storage.operations import happenings
from trading_core.storage.operations.happenings import NOTHING, Happenings
from trading_core.storage.trading import executions_done, periods
from trading_core.storage.trading.periods import PeriodDay

# What the desk's return is held against.
BENCHMARK = "SPY"


@dataclass(frozen=True, slots=True)
class PeriodFacts:
    """Everything a period's report shows.

    Attributes:
        days: The account's trading days in it, oldest first.
        fills: Of the account, up to the last of the days, each with its strategy.
        happenings: Of the wall time from the first day's opening to the last one's close.
        executions: Every filled order of the days beside the market, in the order of their signals.
        benchmark_return: Of holding `BENCHMARK` from the first bar to the last; None: no bars.
    """

    period: Period
    account: str
    days: tuple[PeriodDay, ...]
    fills: tuple[tuple[str, Fill], ...]
    happenings: Happenings = NOTHING
    executions: tuple[Execution, ...] = ()
    benchmark_return: float | None = None

    @property
    def is_synthetic(self) -> bool:
        """Whether any of the days was traded on a made-up market."""
        return any(day.source == "synthetic" for day in self.days)


def read_period(settings: Settings, span: Span, day: date | None) -> PeriodFacts:
    """Return the facts of the period of that kind that a day is in.

    Args:
        day: Of a week or a month any day; of performance the first. None: the newest trading day,
            whose account is also the one reported on.

    Raises:
        CheckFailed: There is no trading day in the period.
        Unreachable: PostgreSQL does not answer.
    """
    login = settings.secret("trading_dsn")
    with connect(login, application="period_report") as trading, trading.transaction():
        trading.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        facts = _trading_facts(trading, span, day)
    began, ended = _wall_span(facts.days)
    with connect(settings.secret("operations_dsn"), application="period_report") as record:
        happened = happenings.between(record, began, ended)
    return replace(facts, happenings=happened)


def _trading_facts(trading: Connection, span: Span, day: date | None) -> PeriodFacts:
    until = None if span is Span.PERFORMANCE or day is None else _period(span, day, day).ends
    newest = periods.newest_day(trading, until)
    period = None if newest is None else _period(span, newest[1], day)
    days = (
        newest and period and periods.days_between(trading, newest[0], period.starts, period.ends)
    )
    if newest is None or period is None or not days:
        raise CheckFailed(
            f"{span} report: expected a trading day in the period of {day or 'the newest day'},"
            " found none",
            next_step="correct the date; `trading_days` lists those there are",
        )
    account, first, last = newest[0], days[0], days[-1]
    return PeriodFacts(
        period,
        account,
        days,
        tuple(periods.fills_until(trading, account, last.trading_date)),
        executions=tuple(
            executions_done.between(trading, account, first.trading_date, last.trading_date)
        ),
        benchmark_return=periods.buy_and_hold_return(
            trading, BENCHMARK, first.source, first.trading_date, last.trading_date
        ),
    )


def _period(span: Span, newest: date, day: date | None) -> Period:
    match span:
        case Span.WEEK:
            return week_of(day or newest)
        case Span.MONTH:
            return month_of(day or newest)
        case Span.PERFORMANCE:
            return performance_until(newest, day)


def _wall_span(days: tuple[PeriodDay, ...]) -> tuple[datetime, datetime]:
    """From the first day's opening to the last one's close; to now while one is open."""
    closes = [day.closed_at or SystemClock().now() for day in days]
    return min(day.opened_at for day in days), max(closes)
