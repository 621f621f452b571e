"""The calendar against what happened, against a definition, and against the firm's word."""

from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trading_core.calendar.exchange_calendar import ExchangeCalendar
from trading_core.calendar.libraries import first_opinion, second_opinion
from trading_core.clock import EXCHANGE_ZONE
from trading_core.errors import ConfigurationError

CALENDAR = ExchangeCalendar.of()
DAYS = st.dates(date(2007, 1, 1), date(2035, 12, 20))
_UNTIL = "confirmed_until = 2028-12-31\n"


def firm(tmp_path: Path, text: str) -> ExchangeCalendar:
    file = tmp_path / "calendar.toml"
    file.write_text(_UNTIL + text)
    return ExchangeCalendar.of(file)


@pytest.mark.parametrize(
    ("day", "words"),
    [
        (date(2013, 11, 28), "Thanksgiving"),
        (date(2012, 10, 29), "closed by announcement of the exchange"),
        (date(2012, 10, 30), "closed by announcement of the exchange"),
        (date(2013, 10, 5), "a weekend"),
        (date(2013, 12, 25), "Christmas"),
    ],
)
def test_a_day_without_a_session_says_why(day: date, words: str) -> None:
    assert CALENDAR.session(day) is None
    assert CALENDAR.why(day) == words


@pytest.mark.parametrize("day", [date(2013, 11, 29), date(2014, 7, 3), date(2012, 11, 23)])
def test_a_half_day_closes_at_one(day: date) -> None:
    session = CALENDAR.session(day)
    assert session is not None
    assert session.is_short
    assert str(session) == "09:30 to 13:00"
    assert CALENDAR.why(day) == "a short day, 09:30 to 13:00"


@pytest.mark.parametrize(
    ("friday", "monday", "hours"),
    [
        (date(2013, 3, 8), date(2013, 3, 11), -1),
        (date(2013, 11, 1), date(2013, 11, 4), 1),
        (date(2026, 3, 6), date(2026, 3, 9), -1),
        (date(2026, 10, 30), date(2026, 11, 2), 1),
    ],
)
def test_over_a_change_of_the_clocks_the_open_stays_at_half_past_nine(
    friday: date, monday: date, hours: int
) -> None:
    before, after = CALENDAR.session(friday), CALENDAR.session_after(friday)
    assert before is not None
    assert after.date == monday
    assert after.opens_at - before.opens_at == timedelta(days=3, hours=hours)
    for one in (before, after):
        assert one.opens_at.astimezone(EXCHANGE_ZONE).time() == time(9, 30)


def test_two_libraries_agree_on_every_day_from_2007_to_2035() -> None:
    assert CALENDAR.disagreements(date(2007, 1, 1), date(2035, 12, 31)) == []


def test_where_one_library_knows_of_a_late_open_and_the_other_does_not_both_are_named() -> None:
    (found,) = CALENDAR.disagreements(date(2002, 9, 9), date(2002, 9, 13))
    assert str(found) == (
        "2002-09-11: 09:30 to 16:00 in exchange_calendars, "
        "12:00 to 16:00 in pandas_market_calendars"
    )


def test_the_firms_word_ends_a_disagreement_and_wins(tmp_path: Path) -> None:
    calendar = firm(
        tmp_path,
        "[[hours]]\ndate = 2002-09-11\nopen = 12:00:00\nclose = 16:00:00\nreason = 'memorial'\n",
    )
    assert calendar.disagreements(date(2002, 9, 9), date(2002, 9, 13)) == []
    assert str(calendar.session(date(2002, 9, 11))) == "12:00 to 16:00"
    assert calendar.why(date(2002, 9, 11)).startswith("memorial (")


def test_the_firm_closes_a_day_and_opens_another(tmp_path: Path) -> None:
    calendar = firm(
        tmp_path,
        "[[closed]]\ndate = 2026-06-10\nreason = 'mourning'\n"
        "[[hours]]\ndate = 2026-06-13\nopen = 10:00:00\nclose = 13:15:00\nreason = 'extra'\n",
    )
    found = calendar.sessions(date(2026, 6, 9), date(2026, 6, 15))
    assert [one.date.day for one in found] == [9, 11, 12, 13, 15]
    assert found[3].closes_at == datetime(2026, 6, 13, 17, 15, tzinfo=UTC)
    assert calendar.session_after(date(2026, 6, 9)).date == date(2026, 6, 11)


@settings(deadline=None, max_examples=60)
@given(DAYS)
def test_a_session_is_a_weekday_within_new_yorks_day(day: date) -> None:
    session = CALENDAR.session(day)
    if session is None:
        assert CALENDAR.why(day)
        return
    assert day.weekday() < 5
    opens, closes = (m.astimezone(EXCHANGE_ZONE) for m in (session.opens_at, session.closes_at))
    assert opens.date() == closes.date() == day
    assert opens.time() == time(9, 30)
    assert closes.time() in (time(13), time(16))


@settings(deadline=None, max_examples=60)
@given(DAYS, st.integers(0, 40))
def test_a_range_is_its_days_one_by_one(day: date, length: int) -> None:
    days = [day + timedelta(days=n) for n in range(length)]
    one_by_one = [found for one in days if (found := CALENDAR.session(one))]
    assert CALENDAR.sessions(day, day + timedelta(days=length - 1)) == one_by_one


@settings(deadline=None, max_examples=60)
@given(DAYS)
def test_the_session_after_a_day_is_the_first_of_those_that_follow(day: date) -> None:
    following = CALENDAR.session_after(day)
    assert following.date > day
    assert CALENDAR.sessions(day + timedelta(days=1), following.date) == [following]


def test_each_library_is_read_on_its_own() -> None:
    day = date(1994, 2, 11)  # snow closed the exchange early, and only one library says so
    assert str(first_opinion(day, day)[day]) == "09:30 to 16:00"
    assert str(second_opinion(day, day)[day]) == "09:30 to 14:30"


def test_a_firm_that_closes_everything_is_told_so(tmp_path: Path) -> None:
    days = [date(2026, 6, 1) + timedelta(days=n) for n in range(20)]
    text = "".join(f"[[closed]]\ndate = {one}\nreason = 'no'\n" for one in days)
    with pytest.raises(ConfigurationError, match="expected a session within 15 days"):
        firm(tmp_path, text).session_after(date(2026, 6, 1))


def test_the_horizon_is_what_a_person_has_confirmed(tmp_path: Path) -> None:
    assert firm(tmp_path, "").horizon == date(2028, 12, 31)
