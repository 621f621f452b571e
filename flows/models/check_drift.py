"""Check drift: do the strategies still see the market, and decide on it, as they did before?

When:     every trading day after the close
Changes:  keeps the day's scores beside the reports
If red:   a score above 0.2: look whether the market moved or the signals did, then pause the
          strategy or make it smaller before the next open; nothing is done to it by itself
Covers:   MDL-05, SCH-22
Partly:   MDL-06, INC-16
"""

from prefect import flow

from flows.desk import open_run, wall_date
from tasks.kernel import collect
from tasks.models.drift import check_model_drift, ensure_drift_recorded, notify_drift
from tasks.people.findings import notify_checklist
from tasks.people.notices import notify_trouble

NEXT = "see whether the market moved or the signals did, and decide before the next open"


@flow(name="check-drift")
def check_drift(dry_run: bool = False, requested_by: str = "on-call") -> str:
    """Measure, keep, tell.

    Args:
        dry_run: Measure, and say what would be kept.
        requested_by: Your name or role.
    """
    with open_run(
        "check-drift", f"{wall_date()}", dry_run=dry_run, requested_by=requested_by
    ) as desk:
        # Look.
        notify_drift(desk.database)
        checklist = notify_checklist(collect({"drift": check_model_drift.submit(desk.database)}))

        # Act.
        ensure_drift_recorded(desk.home, desk.database)
        notify_trouble(desk.settings, desk.operations, checklist, NEXT)
        checklist.require_ready(NEXT)
        return checklist.lines[0].result.found
