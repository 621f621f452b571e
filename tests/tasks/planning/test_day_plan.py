"""The plan of a day follows the bells of that day, and shows a reviewer what runs when."""

from dataclasses import replace
from datetime import date, time, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.planning.day_plan import DayPlan, plan_day, read_tags
from trading_core.calendar.exchange_calendar import ExchangeCalendar
from trading_core.clock import EXCHANGE_ZONE
from trading_core.errors import ConfigurationError

CALENDAR = ExchangeCalendar.of()
_SNAPSHOT = Path(__file__).parents[2] / "deployments" / "snapshots" / "timetable.txt"
# Whoever reviews a change of the timetable reads these days.
SHOWN = {
    "An ordinary day": [date(2026, 11, 25)],
    "A holiday": [date(2026, 11, 26)],
    "A half day": [date(2026, 11, 27)],
    "The clocks go forward": [
        date(2026, 3, 6), date(2026, 3, 7), date(2026, 3, 8), date(2026, 3, 9)
    ],
    "The clocks go back": [
        date(2026, 10, 30), date(2026, 10, 31), date(2026, 11, 1), date(2026, 11, 2)
    ],
}  # fmt: skip


def firm(tmp_path: Path, text: str) -> ExchangeCalendar:
    file = tmp_path / "calendar.toml"
    file.write_text(f"confirmed_until = 2028-12-31\n{text}")
    return ExchangeCalendar.of(file)


def wall_times(plan: DayPlan, runbook: str) -> list[time]:
    return [
        run.due_at.astimezone(EXCHANGE_ZONE).time() for run in plan.runs if run.runbook == runbook
    ]


def shown() -> str:
    lines: list[str] = []
    for title, days in SHOWN.items():
        lines += [f"== {title} =="]
        for day in days:
            plan = plan_day(day, CALENDAR)
            lines += [str(plan)]
            lines += [f"  {run}  ({run.due_at:%m-%d %H:%M} UTC, {run.slot})" for run in plan.runs]
        lines += [""]
    return "\n".join(lines)


def test_what_runs_on_days_of_every_kind_is_what_the_snapshot_says() -> None:
    found = shown()
    assert found == _SNAPSHOT.read_text(), f"if it is meant, {_SNAPSHOT.name} becomes:\n{found}"


def test_on_a_holiday_nothing_hangs_on_a_bell_and_the_plan_says_why() -> None:
    plan = plan_day(date(2013, 11, 28), CALENDAR, bells_only=True)
    assert plan.runs == ()
    assert str(plan) == "Thursday 2013-11-28: no session, Thanksgiving, 0 runs"


def test_on_a_half_day_the_reviews_end_and_the_day_closes_three_hours_earlier() -> None:
    plan = plan_day(date(2013, 11, 29), CALENDAR)
    assert wall_times(plan, "market-hours-review")[-1] == time(12, 30)
    assert wall_times(plan, "end-of-day") == [time(13, 5)]


def test_the_first_trades_are_followed_for_half_an_hour_as_far_as_there_is_a_session(
    tmp_path: Path,
) -> None:
    plan = plan_day(date(2026, 11, 25), CALENDAR)
    times = [time(9, 30), time(9, 35), time(9, 45), time(10)]
    assert wall_times(plan, "market-open-checklist") == times

    hours = "date = 2026-11-25\nopen = 09:30:00\nclose = 09:45:00\nreason = 'a short one'\n"
    short = plan_day(date(2026, 11, 25), firm(tmp_path, f"[[hours]]\n{hours}"))
    assert wall_times(short, "market-open-checklist") == times[:2]


def test_on_a_late_open_everything_of_the_morning_is_later(tmp_path: Path) -> None:
    day = "date = 2026-11-25\nopen = 11:00:00\nclose = 16:00:00\nreason = 'a late open'\n"
    plan = plan_day(date(2026, 11, 25), firm(tmp_path, f"[[hours]]\n{day}"))
    assert wall_times(plan, "pre-market-checklist") == [time(10, 30)]
    assert wall_times(plan, "market-hours-review")[0] == time(11, 30)
    assert "a late open" in str(plan)


def test_a_closure_announced_by_the_firm_leaves_the_clocks_runs_only(tmp_path: Path) -> None:
    calendar = firm(tmp_path, "[[closed]]\ndate = 2026-11-25\nreason = 'hurricane'\n")
    plan = plan_day(date(2026, 11, 25), calendar)
    assert {run.slot.count(":") for run in plan.runs} == {1}
    assert "no session, hurricane" in str(plan)


@settings(deadline=None, max_examples=80)
@given(st.dates(date(2007, 1, 1), date(2035, 12, 31)))
def test_a_day_has_each_run_once_within_itself_and_none_by_a_bell_without_a_session(
    day: date,
) -> None:
    plan = plan_day(day, CALENDAR)
    assert len({run.key + run.runbook for run in plan.runs}) == len(plan.runs)
    for run in plan.runs:
        assert run.due_at.astimezone(EXCHANGE_ZONE).date() == day
    bells = [run for run in plan.runs if ":" not in run.slot]
    session = CALENDAR.session(day)
    assert bool(bells) == (session is not None)
    if session is not None:
        assert bells[0].due_at == session.opens_at - timedelta(minutes=30)
        assert bells[-1].due_at == session.closes_at + timedelta(minutes=5)
        count = -(-(session.length - timedelta(minutes=30)) // timedelta(minutes=30))
        assert len(bells) == 6 + count


def test_what_a_run_carries_tells_which_it_is() -> None:
    run = plan_day(date(2026, 11, 25), CALENDAR, name="PA0000001 on 2026-11-25").runs[3]
    assert read_tags(run.runbook, ["tradeops", *run.tags]) == run
    assert read_tags(run.runbook, ["tradeops", "window:x"]) is None


def test_a_planned_run_knows_its_line() -> None:
    for run in plan_day(date(2026, 11, 25), CALENDAR).runs:
        assert run.line.runbook == run.runbook


def test_a_run_that_an_older_timetable_planned_says_so() -> None:
    run = plan_day(date(2026, 11, 25), CALENDAR).runs[0]
    with pytest.raises(ConfigurationError, match="sweep-floor: expected a line in the timetable"):
        _ = replace(run, runbook="sweep-floor").line
