"""The one table of what runs by itself: when, how late it may begin, and what is kept of it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import time, timedelta
from enum import StrEnum

from tasks.planning.rhythm import (
    MONDAYS,
    MONTHLY,
    QUARTERLY,
    SATURDAYS,
    SUNDAYS,
    TRADING_DAYS,
    AtBell,
    Bell,
    OnClock,
    Rhythm,
    RoundTheClock,
    in_words,
)
from trading_core.clock import hours, minutes
from trading_core.errors import ConfigurationError

_RECORD = "record 2 years"


class Late(StrEnum):
    """What a run does that begins after its window."""

    RUN = "run"
    SKIP = "skip"
    ASK = "ask"


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the timetable.

    Attributes:
        window: How long after its time a run may begin without a word.
        late: What it does when it begins later than that.
        ids: Of the catalogue's schedules, which it is.
        kept: How long what a run leaves behind is kept.
        warm: Whether it is taken by the warm executor, in tenths of a second: what is short,
            harms nobody when its process dies, and has a moment to keep.
        parameters: Besides the flow's own defaults.
    """

    runbook: str
    rhythm: Rhythm
    window: timedelta
    late: Late
    ids: tuple[str, ...] = ()
    kept: str = _RECORD
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
        return f"more than {in_words(self.window)} late it {words[self.late]}"


TIMETABLE: tuple[Line, ...] = (
    Line(
        "plan-session",
        RoundTheClock("0 5 * * *", "05:00 every day"),
        window=hours(4),
        late=Late.RUN,
        warm=True,
    ),
    Line(
        "pre-market-checklist",
        AtBell(Bell.OPEN, minutes(-30)),
        window=minutes(25),
        late=Late.ASK,
        ids=("SCH-01",),
    ),
    Line(
        "market-open-checklist",
        # The first trades are followed for half an hour; no run waits for them.
        AtBell(Bell.OPEN, again=(minutes(5), minutes(15), minutes(30))),
        window=minutes(25),
        late=Late.SKIP,
        ids=("SCH-02",),
        warm=True,
    ),
    Line(
        "market-hours-review",
        AtBell(Bell.OPEN, minutes(30), every=minutes(30)),
        window=minutes(20),
        late=Late.SKIP,
        ids=("SCH-03",),
        warm=True,
    ),
    Line(
        "end-of-day",
        AtBell(Bell.CLOSE, minutes(5)),
        window=hours(2),
        late=Late.RUN,
        ids=("SCH-04",),
        kept="record 2 years, backup 30 days",
    ),
    Line("housekeeping", OnClock(time(4, 30)), window=hours(6), late=Late.RUN, ids=("SCH-13",)),
    Line("daily-review", OnClock(time(7)), window=hours(8), late=Late.RUN),
    Line(
        "morning-checklist", OnClock(time(7, 30)), window=hours(3), late=Late.SKIP, ids=("SCH-05",)
    ),
    Line("evening-checklist", OnClock(time(19)), window=hours(4), late=Late.SKIP, ids=("SCH-05",)),
    Line(
        "back-up-database",
        RoundTheClock("30 5,11,17,23 * * *", "05:30, 11:30, 17:30 and 23:30, every day"),
        window=hours(3),
        late=Late.RUN,
        ids=("SCH-07",),
        kept="record 2 years, base backups 30 days, copies 90 days, log 7 days",
    ),
    Line(
        "check-wal-archive",
        RoundTheClock("*/5 * * * *", "every five minutes"),
        window=minutes(5),
        late=Late.SKIP,
        ids=("SCH-08",),
    ),
    Line(
        "health-check",
        RoundTheClock("*/5 * * * *", "every five minutes"),
        window=minutes(5),
        late=Late.SKIP,
        ids=("SCH-06",),
        kept="record 30 days",
    ),
    Line(
        "back-up-configuration",
        OnClock(time(0, 45)),
        window=hours(12),
        late=Late.RUN,
        ids=("SCH-09",),
        kept="archives 90 days",
    ),
    Line(
        "archive-logs",
        OnClock(time(16, 30)),
        window=hours(12),
        late=Late.RUN,
        ids=("SCH-10",),
        kept="archives 90 days",
    ),
    Line(
        "check-access", OnClock(time(8)), window=hours(12), late=Late.RUN, ids=("SCH-47", "SCH-48")
    ),
    Line(
        "attend-incidents",
        RoundTheClock("*/5 * * * *", "every five minutes"),
        window=minutes(5),
        late=Late.SKIP,
        ids=("SCH-43", "SCH-45"),
        kept="record 2 years, post-mortems for ever",
        warm=True,
    ),
    Line(
        "watch-changes",
        RoundTheClock("*/5 * * * *", "every five minutes"),
        window=minutes(5),
        late=Late.SKIP,
        ids=("SCH-51", "SCH-52", "SCH-53", "SCH-54"),
        kept="record 30 days",
        warm=True,
    ),
    Line(
        "hand-over-shift",
        OnClock(time(8, 40), MONDAYS),
        window=hours(8),
        late=Late.RUN,
        ids=("SCH-46",),
        kept="record 2 years, page for ever",
    ),
    Line(
        "remind-people",
        OnClock(time(9, 15)),
        window=hours(12),
        late=Late.RUN,
        ids=("SCH-42", "SCH-44", "SCH-49"),
    ),
    Line(
        "quick-security-audit",
        OnClock(time(20)),
        window=hours(10),
        late=Late.RUN,
        ids=("SCH-18", "SCH-19"),
    ),
    Line(
        "full-security-audit",
        OnClock(time(7), SUNDAYS),
        window=hours(24),
        late=Late.RUN,
        ids=("SCH-20",),
    ),
    Line(
        "check-drift",
        OnClock(time(17, 45), TRADING_DAYS),
        window=hours(12),
        late=Late.RUN,
        ids=("SCH-22",),
        kept="record 2 years, scores for ever",
    ),
    Line(
        "review-alerts",
        OnClock(time(9, 45), MONTHLY),
        window=hours(48),
        late=Late.RUN,
        ids=("SCH-30",),
    ),
    Line(
        "compliance-audit",
        OnClock(time(9, 15), MONTHLY),
        window=hours(48),
        late=Late.RUN,
        ids=("SCH-21",),
        kept="record 2 years, evidence for ever",
    ),
    Line(
        "review-credentials",
        OnClock(time(9, 30), MONTHLY),
        window=hours(48),
        late=Late.RUN,
        ids=("SCH-36",),
    ),
    Line(
        "back-up-binaries",
        OnClock(time(0, 10)),
        window=hours(12),
        late=Late.RUN,
        ids=("SCH-11",),
        kept="record 2 years, the newest 5 versions",
    ),
    Line(
        "back-up-everything",
        OnClock(time(0, 15)),
        window=hours(12),
        late=Late.RUN,
        ids=("SCH-12",),
        kept="record 2 years, dumps 30 days here and 90 in the bucket",
    ),
    Line(
        "clean-up",
        OnClock(time(4)),
        window=hours(12),
        late=Late.RUN,
        ids=("SCH-15", "SCH-16", "SCH-17"),
        kept="record 2 years, archived rows for ever",
    ),
    Line(
        "maintenance-window",
        # After the backup of 05:30, which it then finds taken and proven.
        OnClock(time(6, 30), SUNDAYS),
        window=hours(4),
        late=Late.SKIP,
        ids=("SCH-24", "SCH-25", "SCH-27"),
    ),
    Line(
        "weekly-review",
        OnClock(time(8), SUNDAYS),
        window=hours(24),
        late=Late.RUN,
        ids=("SCH-26", "SCH-28"),
    ),
    Line(
        "monthly-maintenance",
        OnClock(time(6), MONTHLY),
        window=hours(3),
        late=Late.ASK,
        ids=("SCH-31", "SCH-32", "SCH-33", "SCH-34", "SCH-35", "SCH-39"),
    ),
    Line(
        "check-updates",
        OnClock(time(8, 15), MONDAYS),
        window=hours(24),
        late=Late.RUN,
        ids=("SCH-37", "SCH-38"),
    ),
    Line(
        "quarterly-maintenance",
        OnClock(time(11), QUARTERLY),
        window=hours(24),
        late=Late.RUN,
        ids=("SCH-40",),
        kept="record 2 years, sign-off for ever",
    ),
    Line(
        "performance-report",
        OnClock(time(17, 30), TRADING_DAYS),
        window=hours(12),
        late=Late.RUN,
        ids=("SCH-23",),
        kept="record 2 years, page for ever",
    ),
    Line(
        "weekly-report",
        OnClock(time(9), SATURDAYS),
        window=hours(24),
        late=Late.RUN,
        ids=("SCH-29",),
        kept="record 2 years, page for ever",
    ),
    Line(
        "monthly-report",
        OnClock(time(10), MONTHLY),
        window=hours(24),
        late=Late.RUN,
        kept="record 2 years, page for ever",
    ),
    Line(
        "sla-report",
        OnClock(time(10, 30), MONTHLY),
        window=hours(24),
        late=Late.RUN,
        kept="record 2 years, page for ever",
    ),
    Line("find-data-gaps", OnClock(time(18), TRADING_DAYS), window=hours(12), late=Late.RUN),
    Line(
        "validate-market-data", OnClock(time(18, 15), TRADING_DAYS), window=hours(12), late=Late.RUN
    ),
    Line(
        "export-market-data",
        OnClock(time(18, 30), TRADING_DAYS),
        window=hours(12),
        late=Late.RUN,
        kept="bars and their files 2 years",
    ),
    Line("validate-parquet", OnClock(time(11), MONTHLY), window=hours(24), late=Late.RUN),
    Line("verify-data-integrity", OnClock(time(6), SUNDAYS), window=hours(12), late=Late.RUN),
    Line(
        "verify-backups",
        OnClock(time(7), SATURDAYS),
        window=hours(24),
        late=Late.RUN,
        ids=("SCH-14",),
    ),
    Line("check-recovery-site", OnClock(time(8, 30), MONDAYS), window=hours(12), late=Late.RUN),
    Line(
        "rehearse-failover",
        OnClock(time(10), QUARTERLY),
        window=hours(6),
        late=Late.SKIP,
        ids=("SCH-41",),
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
