"""The one table of what runs by itself: when, how late it may begin, what then, and what is kept.

Times are New York's. What hangs on the session is planned every day from the exchange calendar by
the runbook plan-session; so is what hangs on the clock of the day, which is right on the two days
on which the clocks change as well. Only what runs round the clock is a cron line of Prefect's.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, time, timedelta
from enum import StrEnum

from trading_core.errors import ConfigurationError


class Bell(StrEnum):
    """What a run of a trading day is timed by."""

    OPEN = "open"
    CLOSE = "close"


class Late(StrEnum):
    """What a run does that begins after its window."""

    RUN = "run"
    SKIP = "skip"
    ASK = "ask"


@dataclass(frozen=True, slots=True)
class AtBell:
    """On trading days, so long after a bell; before it, when negative.

    Attributes:
        every: Again after each such time, until the close.
    """

    bell: Bell
    offset: timedelta = timedelta(0)
    every: timedelta | None = None

    def __str__(self) -> str:
        if self.every is not None:
            return f"every {_minutes(self.every)} from {self._point()} to the close"
        return self._point()

    def _point(self) -> str:
        if not self.offset:
            return f"at the {self.bell}"
        side = "before" if self.offset < timedelta(0) else "after"
        return f"{_minutes(abs(self.offset))} {side} the {self.bell}"


@dataclass(frozen=True, slots=True)
class Days:
    """Some days of the calendar.

    Attributes:
        sessions_only: Whether only those of them count on which the exchange trades.
    """

    says: str
    has: Callable[[date], bool]
    sessions_only: bool = False


DAILY = Days("every day", lambda _: True)
TRADING_DAYS = Days("on trading days", lambda _: True, sessions_only=True)
SATURDAYS = Days("on Saturdays", lambda day: day.weekday() == 5)
SUNDAYS = Days("on Sundays", lambda day: day.weekday() == 6)
MONTHLY = Days("on the first of the month", lambda day: day.day == 1)
MONDAYS = Days("on Mondays", lambda day: day.weekday() == 0)
QUARTERLY = Days(
    "on the first Saturday of a quarter",
    lambda day: day.weekday() == 5 and day.day <= 7 and day.month in (1, 4, 7, 10),
)


@dataclass(frozen=True, slots=True)
class OnClock:
    """At a wall time of New York; never between 01:00 and 03:00, which come twice or not at all."""

    at: time
    days: Days = DAILY

    def __str__(self) -> str:
        return f"{self.at:%H:%M} {self.days.says}"


@dataclass(frozen=True, slots=True)
class RoundTheClock:
    """A cron line in New York time, fired by Prefect's server itself."""

    cron: str
    says: str

    def __str__(self) -> str:
        return self.says


Rhythm = AtBell | OnClock | RoundTheClock


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the timetable.

    Attributes:
        ids: Of the catalogue's schedules, which it is.
        window: How long after its time a run may begin without a word.
        late: What it does when it begins later than that.
        kept: How long what a run leaves behind is kept.
        warm: Whether it is taken by the warm executor, in tenths of a second: what is short,
            harms nobody when its process dies, and has a moment to keep.
        parameters: Besides the flow's own defaults.
    """

    runbook: str
    rhythm: Rhythm
    ids: tuple[str, ...]
    window: timedelta
    late: Late
    kept: str
    warm: bool = False
    parameters: Mapping[str, object] = field(default_factory=lambda: {"requested_by": "schedule"})

    @property
    def when_late(self) -> str:
        """What a late run does, in words."""
        words = {
            Late.RUN: "runs all the same, and says so",
            Late.SKIP: "is skipped, and says so",
            Late.ASK: "asks people first",
        }
        return f"more than {_minutes(self.window)} late it {words[self.late]}"


_RECORD = "record 2 years"

TIMETABLE: tuple[Line, ...] = (
    Line(
        "plan-session",
        RoundTheClock("0 5 * * *", "05:00 every day"),
        ids=(),
        window=timedelta(hours=4),
        late=Late.RUN,
        kept=_RECORD,
        warm=True,
    ),
    Line(
        "pre-market-checklist",
        AtBell(Bell.OPEN, timedelta(minutes=-30)),
        ids=("SCH-01",),
        window=timedelta(minutes=25),
        late=Late.ASK,
        kept=_RECORD,
    ),
    Line(
        "market-open-checklist",
        AtBell(Bell.OPEN),
        ids=("SCH-02",),
        window=timedelta(minutes=25),
        late=Late.SKIP,
        kept=_RECORD,
        warm=True,
    ),
    Line(
        "market-hours-review",
        AtBell(Bell.OPEN, timedelta(minutes=30), every=timedelta(minutes=30)),
        ids=("SCH-03",),
        window=timedelta(minutes=20),
        late=Late.SKIP,
        kept=_RECORD,
        warm=True,
    ),
    Line(
        "end-of-day",
        AtBell(Bell.CLOSE, timedelta(minutes=5)),
        ids=("SCH-04",),
        window=timedelta(hours=2),
        late=Late.RUN,
        kept="record 2 years, backup 30 days",
    ),
    Line(
        "housekeeping",
        OnClock(time(4, 30)),
        ids=("SCH-13",),
        window=timedelta(hours=6),
        late=Late.RUN,
        kept=_RECORD,
    ),
    Line(
        "daily-review",
        OnClock(time(7)),
        ids=(),
        window=timedelta(hours=8),
        late=Late.RUN,
        kept=_RECORD,
    ),
    Line(
        "morning-checklist",
        OnClock(time(7, 30)),
        ids=("SCH-05",),
        window=timedelta(hours=3),
        late=Late.SKIP,
        kept=_RECORD,
    ),
    Line(
        "evening-checklist",
        OnClock(time(19)),
        ids=("SCH-05",),
        window=timedelta(hours=4),
        late=Late.SKIP,
        kept=_RECORD,
    ),
    Line(
        "back-up-database",
        RoundTheClock("30 5,11,17,23 * * *", "05:30, 11:30, 17:30 and 23:30, every day"),
        ids=("SCH-07",),
        window=timedelta(hours=3),
        late=Late.RUN,
        kept="record 2 years, base backups 30 days, copies 90 days, log 7 days",
    ),
    Line(
        "check-wal-archive",
        RoundTheClock("*/5 * * * *", "every five minutes"),
        ids=("SCH-08",),
        window=timedelta(minutes=5),
        late=Late.SKIP,
        kept=_RECORD,
    ),
    Line(
        "health-check",
        RoundTheClock("*/5 * * * *", "every five minutes"),
        ids=("SCH-06",),
        window=timedelta(minutes=5),
        late=Late.SKIP,
        kept="record 30 days",
    ),
    Line(
        "back-up-configuration",
        OnClock(time(0, 45)),
        ids=("SCH-09",),
        window=timedelta(hours=12),
        late=Late.RUN,
        kept="archives 90 days",
    ),
    Line(
        "archive-logs",
        OnClock(time(16, 30)),
        ids=("SCH-10",),
        window=timedelta(hours=12),
        late=Late.RUN,
        kept="archives 90 days",
    ),
    Line(
        "maintain-database",
        OnClock(time(4, 30), SUNDAYS),
        ids=("SCH-27",),
        window=timedelta(hours=4),
        late=Late.SKIP,
        kept=_RECORD,
    ),
    Line(
        "performance-report",
        OnClock(time(17, 30), TRADING_DAYS),
        ids=("SCH-23",),
        window=timedelta(hours=12),
        late=Late.RUN,
        kept="record 2 years, page for ever",
    ),
    Line(
        "weekly-report",
        OnClock(time(9), SATURDAYS),
        ids=("SCH-29",),
        window=timedelta(hours=24),
        late=Late.RUN,
        kept="record 2 years, page for ever",
    ),
    Line(
        "monthly-report",
        OnClock(time(10), MONTHLY),
        ids=(),
        window=timedelta(hours=24),
        late=Late.RUN,
        kept="record 2 years, page for ever",
    ),
    Line(
        "sla-report",
        OnClock(time(10, 30), MONTHLY),
        ids=(),
        window=timedelta(hours=24),
        late=Late.RUN,
        kept="record 2 years, page for ever",
    ),
    Line(
        "find-data-gaps",
        OnClock(time(18), TRADING_DAYS),
        ids=(),
        window=timedelta(hours=12),
        late=Late.RUN,
        kept=_RECORD,
    ),
    Line(
        "validate-market-data",
        OnClock(time(18, 15), TRADING_DAYS),
        ids=(),
        window=timedelta(hours=12),
        late=Late.RUN,
        kept=_RECORD,
    ),
    Line(
        "export-market-data",
        OnClock(time(18, 30), TRADING_DAYS),
        ids=(),
        window=timedelta(hours=12),
        late=Late.RUN,
        kept="bars and their files 2 years",
    ),
    Line(
        "validate-parquet",
        OnClock(time(11), MONTHLY),
        ids=(),
        window=timedelta(hours=24),
        late=Late.RUN,
        kept=_RECORD,
    ),
    Line(
        "verify-data-integrity",
        OnClock(time(6), SUNDAYS),
        ids=(),
        window=timedelta(hours=12),
        late=Late.RUN,
        kept=_RECORD,
    ),
    Line(
        "check-recovery-site",
        OnClock(time(8, 30), MONDAYS),
        ids=(),
        window=timedelta(hours=12),
        late=Late.RUN,
        kept=_RECORD,
    ),
    Line(
        "rehearse-failover",
        OnClock(time(10), QUARTERLY),
        ids=("SCH-41",),
        window=timedelta(hours=6),
        late=Late.SKIP,
        kept=_RECORD,
    ),
)


def line_of(runbook: str, table: Iterable[Line] = TIMETABLE) -> Line | None:
    """Return the line of one runbook; None: it runs when somebody or something starts it."""
    return next((line for line in table if line.runbook == runbook), None)


def require_known(names: Iterable[str], table: Iterable[Line] = TIMETABLE) -> None:
    """Make sure that every line names a runbook that exists.

    Raises:
        ConfigurationError: One does not.
    """
    known = set(names)
    strangers = [line.runbook for line in table if line.runbook not in known]
    if strangers:
        raise ConfigurationError(
            f"tasks/planning/timetable.py: expected names of runbooks, was {', '.join(strangers)}",
            next_step="correct the table, or write the runbook",
        )


def _minutes(span: timedelta) -> str:
    minutes = int(span.total_seconds()) // 60
    return f"{minutes // 60} h" if minutes >= 120 and minutes % 60 == 0 else f"{minutes} min"
