"""The timetable keeps its promises about hours, names and words."""

from dataclasses import replace
from datetime import time, timedelta

import pytest

from tasks.planning.rhythm import AtBell, Bell, OnClock, RoundTheClock
from tasks.planning.timetable import TIMETABLE, Late, Line, line_of, require_known
from trading_core.errors import ConfigurationError

NAMES = {line.runbook for line in TIMETABLE}


def hours_of(line: Line) -> set[int]:
    if isinstance(line.rhythm, OnClock):
        return {line.rhythm.at.hour}
    if isinstance(line.rhythm, RoundTheClock):
        hours = line.rhythm.cron.split()[1]
        # What runs all the time may do so an hour more or less.
        return set() if hours == "*" else {int(hour) for hour in hours.split(",")}
    return set()


def test_nothing_runs_at_hours_that_come_twice_a_year_or_not_at_all() -> None:
    for line in TIMETABLE:
        assert not hours_of(line) & {1, 2, 3}, line.runbook
    assert hours_of(replace(TIMETABLE[0], rhythm=OnClock(time(2, 30)))) & {1, 2, 3}


def test_a_runbook_has_one_line() -> None:
    assert len(NAMES) == len(TIMETABLE)


def test_a_line_for_a_runbook_that_is_none_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="names of runbooks, was end-of-day"):
        require_known(NAMES - {"end-of-day"})
    require_known(NAMES)


def test_a_runbook_without_a_line_runs_only_when_started() -> None:
    assert line_of("trading-halt") is None


def test_a_rhythm_reads_as_people_say_it() -> None:
    half_hour = timedelta(minutes=30)
    assert str(AtBell(Bell.OPEN, -half_hour)) == "30 min before the open"
    assert str(AtBell(Bell.CLOSE, timedelta(hours=2))) == "2 h after the close"
    assert str(AtBell(Bell.OPEN)) == "at the open"
    again = (timedelta(minutes=5), half_hour)
    assert str(AtBell(Bell.OPEN, again=again)) == "at the open, again 5 and 30 min after it"
    assert str(AtBell(Bell.OPEN, again=again[:1])) == "at the open, again 5 min after it"
    assert str(AtBell(Bell.OPEN, half_hour, half_hour)) == (
        "every 30 min from 30 min after the open to the close"
    )
    assert str(OnClock(time(7, 5))) == "07:05 every day"


@pytest.mark.parametrize(
    ("late", "words"),
    [
        (Late.RUN, "more than 25 min late it runs all the same, and says so"),
        (Late.SKIP, "more than 25 min late it is skipped, and says so"),
        (Late.ASK, "more than 25 min late it asks people first"),
    ],
)
def test_a_line_says_what_a_late_run_does(late: Late, words: str) -> None:
    assert replace(TIMETABLE[0], window=timedelta(minutes=25), late=late).when_late == words
