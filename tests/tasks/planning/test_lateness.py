"""A run in time runs; a late one does what its line says, and says so."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from tasks.planning.lateness import Beginning
from tasks.planning.timetable import TIMETABLE, Late

DUE = datetime(2026, 11, 27, 14, tzinfo=UTC)
LINE = replace(TIMETABLE[1], window=timedelta(minutes=25), late=Late.SKIP)


def after(minutes: float, late: Late = Late.SKIP) -> Beginning:
    return Beginning(replace(LINE, late=late), DUE, DUE + timedelta(minutes=minutes))


@pytest.mark.parametrize("minutes", [-30, 0, 0.5])
def test_a_run_on_time_says_nothing(minutes: float) -> None:
    found = after(minutes)
    assert (found.does, found.sentence) == (Late.RUN, "")


def test_a_run_within_its_window_runs_and_says_how_late_it_is() -> None:
    found = after(25)
    assert found.does is Late.RUN
    assert found.sentence == (
        "pre-market-checklist was due 2026-11-27 09:00 New York, begins 25 min later, "
        "within its window of 25 min"
    )


@pytest.mark.parametrize(
    ("late", "words"),
    [(Late.RUN, "runs all the same"), (Late.SKIP, "is skipped"), (Late.ASK, "asks first")],
)
def test_a_run_six_hours_late_does_what_its_line_says(late: Late, words: str) -> None:
    found = after(360, late)
    assert found.does is late
    assert found.sentence == (
        "pre-market-checklist was due 2026-11-27 09:00 New York within 25 min, is 6 h late: "
        f"{words}"
    )
