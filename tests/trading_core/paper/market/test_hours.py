from datetime import UTC, date, datetime, timedelta

import pytest

from trading_core.errors import ConfigurationError
from trading_core.paper.market.hours import day_after, hours_of, trading_days


def test_a_session_starts_at_nine_in_new_york_whatever_the_season() -> None:
    summer, winter = hours_of(date(2013, 10, 7)), hours_of(date(2013, 12, 9))
    assert summer.starts_at == datetime(2013, 10, 7, 13, tzinfo=UTC)
    assert winter.starts_at == datetime(2013, 12, 9, 14, tzinfo=UTC)


def test_a_half_day_closes_three_hours_early() -> None:
    early, usual = hours_of(date(2013, 11, 29)), hours_of(date(2013, 12, 2))
    assert usual.closes_at - usual.opens_at == timedelta(hours=6, minutes=30)
    assert early.closes_at - early.opens_at == timedelta(hours=3, minutes=30)


@pytest.mark.parametrize("day", [date(2013, 12, 25), date(2013, 10, 6)])
def test_a_holiday_or_a_weekend_is_refused(day: date) -> None:
    with pytest.raises(ConfigurationError, match=f"date {day}: expected a trading day"):
        hours_of(day)


@pytest.mark.parametrize("day", [date(1850, 1, 2), date(2250, 1, 3)])
def test_a_day_beyond_the_calendar_is_refused(day: date) -> None:
    with pytest.raises(ConfigurationError, match="years 1970 to 2100"):
        hours_of(day)


def test_the_day_after_skips_weekends_holidays_and_the_longest_closure() -> None:
    assert day_after(date(2013, 10, 4)).date == date(2013, 10, 7)
    assert day_after(date(2013, 12, 31)).date == date(2014, 1, 2)
    assert day_after(date(2001, 9, 10)).date == date(2001, 9, 17)


def test_days_between_two_holidays_are_none() -> None:
    assert trading_days(date(2001, 1, 1), date(2001, 1, 1)) == []
    assert trading_days(date(2001, 1, 5), date(2001, 1, 4)) == []
