"""What two libraries say about the exchange's hours, each read on its own.

Both know New York's rules and its history; they are kept by different people, so that an error or
an outdated copy of one shows as a disagreement. exchange_calendars is asked first: of the two it
names the holidays. They are imported when first asked: that takes seconds.
"""

from collections.abc import Mapping
from datetime import UTC, date, datetime
from functools import lru_cache
from typing import Any

from trading_core.calendar.hours import SessionHours
from trading_core.errors import ConfigurationError

EXCHANGE = "XNYS"
FIRST, SECOND = "exchange_calendars", "pandas_market_calendars"
YEARS = (1970, 2100)


def first_opinion(start: date, end: date) -> dict[date, SessionHours]:
    """Return the sessions from `start` to `end`, both included, as exchange_calendars has them.

    Raises:
        ConfigurationError: The dates are beyond what calendars can know.
    """
    _require_known(start, end)
    if end < start:
        return {}
    table = _exchange_calendar(start.year // 10, end.year // 10).schedule
    return _read(table.loc[start.isoformat() : end.isoformat()], "open", "close")


def second_opinion(start: date, end: date) -> dict[date, SessionHours]:
    """Return the same as pandas_market_calendars has it."""
    _require_known(start, end)
    if end < start:
        return {}
    table = _market_calendar().schedule(start.isoformat(), end.isoformat())
    return _read(table, "market_open", "market_close")


def holiday_name(day: date) -> str:
    """Return what the exchange's rules call a holiday; empty for any other day."""
    return _holidays(day.year).get(day, "")


def _require_known(start: date, end: date) -> None:
    if start.year < YEARS[0] or end.year > YEARS[1]:
        raise ConfigurationError(
            f"dates {start} to {end}: expected years {YEARS[0]} to {YEARS[1]} of the calendar",
            next_step="choose a day of the exchange's calendar",
        )


def _read(table: Any, opens: str, closes: str) -> dict[date, SessionHours]:
    rows = zip(table.index, table[opens], table[closes], strict=True)
    return {
        label.date(): SessionHours(label.date(), _instant(open_at), _instant(close_at))
        for label, open_at, close_at in rows
    }


def _instant(stamp: Any) -> datetime:
    moment: datetime = stamp.to_pydatetime()
    return moment.astimezone(UTC)


@lru_cache(maxsize=8)
def _exchange_calendar(first_decade: int, last_decade: int) -> Any:
    import exchange_calendars

    # Explicit bounds: by default the library asks this machine what day it is. Whole decades,
    # because making one costs as much as thousands of questions.
    return exchange_calendars.get_calendar(
        EXCHANGE, start=f"{first_decade}0-01-01", end=f"{last_decade}9-12-31"
    )


@lru_cache(maxsize=1)
def _market_calendar() -> Any:
    import pandas_market_calendars

    return pandas_market_calendars.get_calendar("NYSE")


@lru_cache(maxsize=8)
def _holidays(year: int) -> Mapping[date, str]:
    rules = _exchange_calendar(year // 10, year // 10).regular_holidays
    named = rules.holidays(f"{year}-01-01", f"{year}-12-31", return_name=True)
    return {label.date(): str(name) for label, name in named.items()}
