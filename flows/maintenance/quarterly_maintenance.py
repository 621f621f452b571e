"""Quarterly maintenance: what runs is what was approved, the drills were made, a person signs it.

When:     the first Saturday of a quarter, after rehearse-failover
Changes:  asks for approval of the quarter's checklist, and keeps it with who approved it. What
          only people can look at, they see before they say yes: vendors, runbooks, limits, access
If red:   a line is not green, or nobody signed: nothing was kept. Make the drill it names, or
          correct what differs, then run this again
Covers:   SCH-40
Partly:   MNT-07, MNT-09
"""

from prefect import flow

from flows.desk import Desk, open_run, wall_date
from tasks.health.configuration import check_configuration
from tasks.health.models import check_model_versions
from tasks.health.risk import check_limits_reviewed
from tasks.kernel import Checklist, collect, granted, rehearse
from tasks.maintenance.quarter import check_drilled, ensure_quarter_signed_off
from tasks.maintenance.week import check_packages_pinned
from tasks.people.approvals import request_approval
from tasks.people.findings import notify_checklist


@flow(name="quarterly-maintenance")
def quarterly_maintenance(dry_run: bool = False, requested_by: str = "on-call") -> str:
    """Look, ask, keep.

    Args:
        dry_run: Look, and ask nobody.
        requested_by: Your name or role.
    """
    about = f"{wall_date()}"
    with open_run(
        "quarterly-maintenance", about, dry_run=dry_run, requested_by=requested_by
    ) as desk:
        # Look.
        asked = {
            "limits": check_limits_reviewed.submit(desk.core, desk.database),
            "strategies": check_model_versions.submit(desk.core, desk.database),
            "configuration": check_configuration.submit(desk.settings, desk.database),
            "packages": check_packages_pinned.submit(),
            "failover drill": check_drilled.submit(desk.operations, "drill"),
            "restore test": check_drilled.submit(desk.operations, "restore_test"),
            "crash drill": check_drilled.submit(desk.operations, "crash_drill"),
        }
        reviewed = notify_checklist(collect(asked))
        reviewed.require_ready("make the drill it names, or correct what differs; nothing is kept")
        grant = request_approval(desk.approvals, rehearse(_act, desk, reviewed), "the quarter")

        # Act.
        with granted(grant):
            _act(desk, reviewed)
        return f"{reviewed.readiness}"


def _act(desk: Desk, reviewed: Checklist) -> None:
    ensure_quarter_signed_off(desk.settings, wall_date(), reviewed)
