"""Time: which trading day it is at the exchange, and whether everybody agrees on the hour."""

from datetime import date, datetime

from tasks.kernel import CheckResult, Verdict, check
from tasks.trading.control import Core
from trading_core.broker.contract import TradingApi, TradingHours
from trading_core.clock import EXCHANGE_ZONE, SystemClock
from trading_core.ledger.session import Session, trading_date_of
from trading_core.storage.connect import Database

MARKET_TIME_SECONDS_MAX = 1.0
WALL_TIME_SECONDS_MAX = 2.0


@check
def check_clock(
    broker: TradingApi, core: Core, database: Database, trading_date: date | None
) -> CheckResult:
    """Compare the exchange's clock with the day asked for, the services' and the database's.

    Args:
        trading_date: The day somebody means to trade; None: the exchange's, whichever it is.
    """
    now = broker.clock().now
    times = core.market_times()
    later = broker.clock().now  # market time may have moved while they were asked
    today = trading_date_of(now)
    hours = _hours(broker, today)
    wall_seconds = _seconds_from_database(database)
    off_seconds = {name: _seconds_outside(at, now, later) for name, at in times.items()}
    troubles = []
    if trading_date not in (None, today):
        troubles.append(f"the exchange is at {today}, asked for was {trading_date}")
    if hours is None:
        troubles.append(f"{today} is no trading day")
    elif now >= hours.closes_at:
        troubles.append(f"too late: the session closed at {_wall(hours.closes_at)}")
    troubles += [
        f"{name} is {off:.1f} s off market time"
        for name, off in off_seconds.items()
        if off > MARKET_TIME_SECONDS_MAX
    ]
    if wall_seconds > WALL_TIME_SECONDS_MAX:
        troubles.append(f"this machine is {wall_seconds:.1f} s off the database's clock")
    return CheckResult(
        Verdict.FAIL if troubles else Verdict.PASS,
        "; ".join(troubles) or f"{today}, {_wall(now)} at the exchange",
        f"{trading_date or 'a trading day'} before its close; services within "
        f"{MARKET_TIME_SECONDS_MAX:g} s, database within {WALL_TIME_SECONDS_MAX:g} s",
        {"market_time": now.isoformat(), "database_off_seconds": round(wall_seconds, 3)},
    )


@check
def check_session_over(broker: TradingApi, day: Session, trading_date: date | None) -> CheckResult:
    """Ask the exchange whether the day is the one asked for, and its session closed."""
    now = broker.clock().now
    hours = _hours(broker, day.trading_date)
    expected = f"the session of {trading_date or day.trading_date} closed"
    if trading_date not in (None, day.trading_date):
        found = f"the exchange is at {day.trading_date}"
        return CheckResult(Verdict.FAIL, found, expected)
    if hours is None:
        return CheckResult(Verdict.FAIL, f"{day.trading_date} is no trading day", expected)
    over = now >= hours.closes_at
    return CheckResult(
        Verdict.PASS if over else Verdict.FAIL,
        f"{_wall(now)} at the exchange, close at {_wall(hours.closes_at)}",
        expected,
    )


def _hours(broker: TradingApi, day: date) -> TradingHours | None:
    return next((one for one in broker.calendar(day, day) if one.date == day), None)


def _seconds_from_database(database: Database) -> float:
    """Return how far the two clocks are apart, less what asking took."""
    clock = SystemClock()
    with database.transaction() as connection:
        before = clock.now()
        row = connection.execute("SELECT clock_timestamp()").fetchone()
        after = clock.now()
    assert row is not None, "a function has a value"
    return _seconds_outside(row[0], before, after)


def _seconds_outside(moment: datetime, start: datetime, end: datetime) -> float:
    return max((start - moment).total_seconds(), (moment - end).total_seconds(), 0.0)


def _wall(moment: datetime) -> str:
    return f"{moment.astimezone(EXCHANGE_ZONE):%H:%M} New York"
