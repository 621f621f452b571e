"""When the exchange is open: New York's hours, holidays and half days."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import Any

import exchange_calendars

from trading_core.clock import EXCHANGE_ZONE
from trading_core.errors import ConfigurationError

_NAME = "XNYS"
# Longer than any run of days without a session.
_LONGEST_CLOSURE = timedelta(days=15)
_YEARS = (1970, 2100)
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
            f"date {day}: expected a trading day of {_NAME}, was a weekend or a holiday",
            next_step="choose a day on which the exchange is open",
        )
    return found[0]


def trading_days(start: date, end: date) -> list[Hours]:
    """Return the hours of every trading day from `start` to `end`, both included.

    Raises:
        ConfigurationError: The calendar does not reach that far.
    """
    if end < start:
        return []
    if start.year < _YEARS[0] or end.year > _YEARS[1]:
        raise ConfigurationError(
            f"dates {start} to {end}: expected years {_YEARS[0]} to {_YEARS[1]} of the calendar",
            next_step="choose a day of the exchange's calendar",
        )
    schedule = _calendar(start.year, end.year).schedule.loc[start.isoformat() : end.isoformat()]
    return [
        Hours(
            date=label.date(),
            midnight=_wall_time(label.date(), time(0)),
            starts_at=_wall_time(label.date(), _SESSION_STARTS),
            opens_at=opens_at.to_pydatetime().astimezone(UTC),
            closes_at=closes_at.to_pydatetime().astimezone(UTC),
            ends_at=_wall_time(label.date(), _SESSION_ENDS),
        )
        for label, opens_at, closes_at in zip(
            schedule.index, schedule["open"], schedule["close"], strict=True
        )
    ]


def day_after(day: date) -> Hours:
    """Return the hours of the first trading day later than `day`."""
    return trading_days(day + timedelta(days=1), day + _LONGEST_CLOSURE)[0]


@lru_cache(maxsize=8)
def _calendar(first_year: int, last_year: int) -> Any:
    # Explicit bounds: by default the library asks this machine what day it is.
    return exchange_calendars.get_calendar(
        _NAME, start=f"{first_year}-01-01", end=f"{last_year}-12-31"
    )


def _wall_time(day: date, wall: time) -> datetime:
    return datetime.combine(day, wall, EXCHANGE_ZONE).astimezone(UTC)
