"""What runs on one day: the timetable laid upon the exchange calendar."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from tasks.planning.rhythm import AtBell, Bell, OnClock
from tasks.planning.timetable import TIMETABLE, Line, line_of
from trading_core.calendar.exchange_calendar import ExchangeCalendar
from trading_core.calendar.hours import SessionHours
from trading_core.clock import EXCHANGE_ZONE
from trading_core.errors import ConfigurationError

_PLAN, _SLOT, _DUE = "plan", "slot", "due"


@dataclass(frozen=True, slots=True)
class PlannedRun:
    """One run of one runbook.

    Attributes:
        plan: The plan it belongs to: a trading day, in a replay an account's.
        slot: Which of the day's runs of the runbook it is, by bell or by clock: `close+5m`.
        due_at: When it should begin.
    """

    plan: str
    runbook: str
    slot: str
    due_at: datetime

    @property
    def tags(self) -> list[str]:
        """The same on the run in Prefect, where the run itself and people find it."""
        due = self.due_at.isoformat()
        return [f"{_PLAN}:{self.plan}", f"{_SLOT}:{self.slot}", f"{_DUE}:{due}"]

    @property
    def key(self) -> str:
        """What is the same for the same run of the same plan, however often it is planned."""
        return f"{self.plan}/{self.slot}/{self.due_at.isoformat()}"

    @property
    def line(self) -> Line:
        """The line of the timetable.

        Raises:
            ConfigurationError: The runbook has none any more.
        """
        found = line_of(self.runbook)
        if found is None:
            raise ConfigurationError(
                f"{self.runbook}: expected a line in the timetable, was none",
                next_step="see tasks/planning/timetable.py; the run was planned by an older one",
            )
        return found

    def __str__(self) -> str:
        return f"{self.due_at.astimezone(EXCHANGE_ZONE):%H:%M} {self.runbook}"


def plan_tag(plan: str) -> str:
    """Return the tag that all runs of a plan carry."""
    return f"{_PLAN}:{plan}"


def read_tags(runbook: str, tags: Iterable[str]) -> PlannedRun | None:
    """Return the planned run that tags tell of; None: nobody planned it."""
    facts = dict(tag.split(":", 1) for tag in tags if ":" in tag)
    if not {_PLAN, _SLOT, _DUE} <= facts.keys():
        return None
    due_at = datetime.fromisoformat(facts[_DUE])
    return PlannedRun(facts[_PLAN], runbook, facts[_SLOT], due_at)


@dataclass(frozen=True, slots=True)
class DayPlan:
    """All runs of one day, by time.

    Attributes:
        why: What is special about the day: a holiday's name, a half day; empty: nothing.
    """

    name: str
    date: date
    session: SessionHours | None
    why: str
    runs: tuple[PlannedRun, ...]

    def __str__(self) -> str:
        hours = f"session {self.session}" if self.session else f"no session, {self.why}"
        special = f" ({self.why})" if self.session and self.why else ""
        return f"{self.date:%A %F}: {hours}{special}, {len(self.runs)} runs"


def plan_day(
    day: date,
    calendar: ExchangeCalendar,
    table: Iterable[Line] = TIMETABLE,
    *,
    name: str = "",
    bells_only: bool = False,
) -> DayPlan:
    """Return the plan of a day.

    Args:
        name: Of the plan; empty: the day.
        bells_only: Leave out what hangs on the wall clock: in a replay that is not the exchange's.
    """
    session = calendar.session(day)
    plan = name or day.isoformat()
    runs = [
        PlannedRun(plan, line.runbook, slot, due_at)
        for line in table
        for slot, due_at in _times(line, day, session)
        if isinstance(line.rhythm, AtBell) or not bells_only
    ]
    ordered = tuple(sorted(runs, key=lambda run: (run.due_at, run.runbook)))
    return DayPlan(plan, day, session, calendar.why(day), ordered)


def _times(line: Line, day: date, session: SessionHours | None) -> Iterator[tuple[str, datetime]]:
    rhythm = line.rhythm
    if isinstance(rhythm, OnClock):
        if not rhythm.days.has(day) or (rhythm.days.sessions_only and session is None):
            return
        moment = datetime.combine(day, rhythm.at, EXCHANGE_ZONE)
        yield f"{rhythm.at:%H:%M}", moment.astimezone(UTC)
    elif isinstance(rhythm, AtBell) and session is not None:
        bell_at = session.opens_at if rhythm.bell is Bell.OPEN else session.closes_at
        for offset in rhythm.offsets(session.closes_at - bell_at):
            yield f"{rhythm.bell}{_signed(offset)}", bell_at + offset


def _signed(offset: timedelta) -> str:
    return f"{int(offset.total_seconds()) // 60:+d}m"
