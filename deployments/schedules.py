"""The timetable as deployments have it: a cron line where the server keeps the time, else none.

In a replay nothing of this fires, because the exchange's clock is not ours:
`TRADEOPS_SCHEDULES_ACTIVE` turns it on.
"""

from typing import Any

from tasks.planning.rhythm import RoundTheClock
from tasks.planning.timetable import Line
from trading_core.clock import EXCHANGE_ZONE

TIMEZONE = EXCHANGE_ZONE.key


def schedules_of(line: Line | None, *, active: bool) -> list[dict[str, Any]]:
    """Return the schedules of a runbook's deployment, as Prefect's API has them.

    Args:
        line: None: it runs when somebody or something starts it.
    """
    if line is None or not isinstance(line.rhythm, RoundTheClock):
        return []
    return [
        {
            "schedule": {"cron": line.rhythm.cron, "timezone": TIMEZONE},
            "active": active,
            "parameters": dict(line.parameters),
            "slug": line.runbook,
        }
    ]


def in_words(line: Line) -> dict[str, str]:
    """Return what people are told about a line, by label."""
    return {"Runs": str(line.rhythm), "When late": line.when_late, "Kept": line.kept}
