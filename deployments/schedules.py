"""When each runbook runs by itself, and how long what it leaves behind is kept.

Times are New York's. The exchange's holidays and half days are not in a cron line: every flow
asks the exchange first. In a replay nothing of this fires, because the exchange's clock is not
ours: `TRADEOPS_SCHEDULES_ACTIVE` turns it on.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from deployments.runbooks import Runbook
from trading_core.clock import EXCHANGE_ZONE
from trading_core.errors import ConfigurationError

TIMEZONE = EXCHANGE_ZONE.key


@dataclass(frozen=True, slots=True)
class Schedule:
    """One line of the timetable.

    Attributes:
        cron: In New York time; never between 01:00 and 03:00, hours that come twice or not at all.
        says: The same for people.
        kept: How long what a run leaves behind is kept.
        parameters: Besides the flow's own defaults.
    """

    runbook: str
    cron: str
    says: str
    kept: str
    parameters: Mapping[str, object] = field(default_factory=dict)


SCHEDULES: tuple[Schedule, ...] = (
    Schedule(
        "pre-market-checklist",
        cron="0 9 * * 1-5",
        says="09:00, Monday to Friday",
        kept="record 2 years",
        parameters={"requested_by": "schedule"},
    ),
    Schedule(
        "end-of-day",
        cron="5 16 * * 1-5",
        says="16:05, Monday to Friday",
        kept="record 2 years, backup 30 days",
        parameters={"requested_by": "schedule"},
    ),
    Schedule(
        "back-up-database",
        cron="30 5,11,17,23 * * *",
        says="05:30, 11:30, 17:30 and 23:30, every day",
        kept="record 2 years, base backups 30 days, copies 90 days, log 7 days",
        parameters={"requested_by": "schedule"},
    ),
    Schedule(
        "check-wal-archive",
        cron="*/5 * * * *",
        says="every five minutes",
        kept="record 2 years",
        parameters={"requested_by": "schedule"},
    ),
    Schedule(
        "health-check",
        cron="*/5 * * * *",
        says="every five minutes",
        kept="record 30 days",
        parameters={"requested_by": "schedule"},
    ),
    Schedule(
        "check-recovery-site",
        cron="30 8 * * 1",
        says="08:30, Monday",
        kept="record 2 years",
        parameters={"requested_by": "schedule"},
    ),
    Schedule(
        "archive-logs",
        cron="30 16 * * *",
        says="16:30, every day",
        kept="archives 90 days",
        parameters={"requested_by": "schedule"},
    ),
    Schedule(
        "back-up-configuration",
        cron="45 0 * * *",
        says="00:45, every day",
        kept="archives 90 days",
        parameters={"requested_by": "schedule"},
    ),
    Schedule(
        "maintain-database",
        cron="30 4 * * 0",
        says="04:30, Sunday",
        kept="record 2 years",
        parameters={"requested_by": "schedule"},
    ),
    Schedule(
        "performance-report",
        cron="30 17 * * 1-5",
        says="17:30, Monday to Friday",
        kept="record 2 years, page for ever",
        parameters={"requested_by": "schedule"},
    ),
    Schedule(
        "weekly-report",
        cron="0 9 * * 6",
        says="09:00, Saturday",
        kept="record 2 years, page for ever",
        parameters={"requested_by": "schedule"},
    ),
    Schedule(
        "monthly-report",
        cron="0 10 1 * *",
        says="10:00, the first of the month",
        kept="record 2 years, page for ever",
        parameters={"requested_by": "schedule"},
    ),
    Schedule(
        "sla-report",
        cron="30 10 1 * *",
        says="10:30, the first of the month",
        kept="record 2 years, page for ever",
        parameters={"requested_by": "schedule"},
    ),
)


def schedule_of(runbook: str, table: Iterable[Schedule] = SCHEDULES) -> Schedule | None:
    """Return the line of one runbook; None: it runs when somebody or something starts it."""
    return next((line for line in table if line.runbook == runbook), None)


def require_known(runbooks: Iterable[Runbook], table: Iterable[Schedule] = SCHEDULES) -> None:
    """Make sure that every line names a runbook that exists.

    Raises:
        ConfigurationError: One does not.
    """
    names = {runbook.name for runbook in runbooks}
    strangers = [line.runbook for line in table if line.runbook not in names]
    if strangers:
        raise ConfigurationError(
            f"deployments/schedules.py: expected names of runbooks, was {', '.join(strangers)}",
            next_step="correct the table, or write the runbook",
        )
