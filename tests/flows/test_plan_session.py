"""The runs that stand at Prefect's server are exactly those of the timetable."""

from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from uuid import uuid4

import pytest

from tasks.kernel import Did, Outcome, Run, begin
from tasks.planning.day_plan import DayPlan, PlannedRun, plan_day
from tasks.planning.scheduled_runs import ScheduledRuns
from tasks.planning.steps import ensure_runs_planned
from tests.deployments.fix_desk import clear_desk
from tests.fakes.ledger import MemoryLedger
from tests.faults.session import session_on
from tests.fix_stack import Stack
from trading_core.calendar.exchange_calendar import ExchangeCalendar

pytestmark = pytest.mark.slow

# An ordinary Wednesday, so far ahead that nothing of it begins.
DAY = date(2031, 6, 11)
DAWN = datetime(2031, 6, 11, 4, tzinfo=UTC)
HALF_DAY = "[[hours]]\ndate = 2031-06-11\nopen = 09:30:00\nclose = 13:00:00\nreason = 'half'\n"


@pytest.fixture(scope="module")
def worked_on(stack: Stack, prefect_api: None) -> Iterator[Stack]:
    """The stack with a session at 09:00, and this process's environment pointing at it."""
    clear_desk(stack)
    with session_on(stack) as session, pytest.MonkeyPatch.context() as environment:
        session.open()
        for name, value in stack.settings.environment().items():
            environment.setenv(name, value)
        yield stack
    clear_desk(stack)


class Planner:
    """Plans one day under a name of its own, as the firm's file has it."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / "calendar.toml"
        self.name = f"test {uuid4().hex[:8]}"

    def plan(self, text: str = "") -> DayPlan:
        self._file.write_text(f"confirmed_until = 2032-12-31\n{text}")
        return plan_day(DAY, ExchangeCalendar.of(self._file), name=self.name)

    def ensure(self, text: str = "", now: datetime = DAWN) -> Outcome[None]:
        runs = ScheduledRuns((self.plan(text),), now)
        with begin(Run("plan-session", "test", "run-1", "ann", MemoryLedger(), fence=1)):
            return ensure_runs_planned.fn(runs)

    def waiting(self) -> set[PlannedRun]:
        standing = ScheduledRuns((self.plan(),), DAWN).standing()
        return {one.planned for one in standing if one.waits}


@pytest.fixture
def planner(worked_on: Stack, tmp_path: Path) -> Planner:
    return Planner(tmp_path)


def test_a_day_is_planned_once_however_often_it_is_planned(planner: Planner) -> None:
    assert planner.ensure().did is Did.CHANGED
    assert planner.waiting() == set(planner.plan().runs)
    assert planner.ensure().did is Did.NOTHING
    assert planner.waiting() == set(planner.plan().runs)


def test_a_half_day_that_is_announced_moves_exactly_what_hangs_on_the_close(
    planner: Planner,
) -> None:
    planner.ensure()
    shortened = planner.ensure(HALF_DAY)
    assert planner.waiting() == set(planner.plan(HALF_DAY).runs)
    assert "add 13:05 end-of-day; cancel" in shortened.sentence
    assert shortened.sentence.count("market-hours-review") == 6
    # Taken back: the runs that were cancelled come back, though their keys were used before.
    planner.ensure()
    assert planner.waiting() == set(planner.plan().runs)
