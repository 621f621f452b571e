"""When the exchange is open: New York's hours, holidays and half days."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache

from trading_core.calendar.libraries import EXCHANGE, first_opinion
from trading_core.clock import EXCHANGE_ZONE
from trading_core.errors import ConfigurationError

# Longer than any run of days without a session.
_LONGEST_CLOSURE = timedelta(days=15)
_SESSION_STARTS = time(9, 0)
_SESSION_ENDS = time(20, 0)


@dataclass(frozen=True, slots=True)
class Hours:
    """The hours of one trading day, UTC.

    Attributes:
        starts_at: When a session begins, before the open.
        ends_at: When trading after the close is over, too.
    """

    date: date
    midnight: datetime
    starts_at: datetime
    opens_at: datetime
    closes_at: datetime
    ends_at: datetime


def hours_of(day: date) -> Hours:
    """Return the hours of a trading day.

    Raises:
        ConfigurationError: The exchange is closed that day.
    """
    found = trading_days(day, day)
    if not found:
        raise ConfigurationError(
            f"date {day}: expected a trading day of {EXCHANGE}, was a weekend or a holiday",
            next_step="choose a day on which the exchange is open",
        )
    return found[0]


def trading_days(start: date, end: date) -> list[Hours]:
    """Return the hours of every trading day from `start` to `end`, both included.

    Raises:
        ConfigurationError: The calendar does not reach that far.
    """
    return [
        Hours(
            date=day,
            midnight=_wall_time(day, time(0)),
            starts_at=_wall_time(day, _SESSION_STARTS),
            opens_at=found.opens_at,
            closes_at=found.closes_at,
            ends_at=_wall_time(day, _SESSION_ENDS),
        )
        for day, found in first_opinion(start, end).items()
    ]


@lru_cache(maxsize=64)
def day_after(day: date) -> Hours:
    """Return the hours of the first trading day later than `day`."""
    return trading_days(day + timedelta(days=1), day + _LONGEST_CLOSURE)[0]


def _wall_time(day: date, wall: time) -> datetime:
    return datetime.combine(day, wall, EXCHANGE_ZONE).astimezone(UTC)
