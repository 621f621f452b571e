"""Morning checklist: the platform came through the night, and the day is planned.

When:     every morning, trading day or not
Changes:  nothing
If red:   repair what the line names before the pre-market checklist looks at it again. Runs that
          are missing: plan-session. No recovery point: check-wal-archive
Covers:   GAP-06
Partly:   DAY-05
"""

from prefect import flow

from flows.desk import open_run
from tasks.backup.wal_archive import check_offsite_recovery_point, check_recovery_point
from tasks.health.database import check_database
from tasks.health.disk import check_disk
from tasks.health.monitoring import check_monitoring
from tasks.kernel import collect
from tasks.people.findings import notify_checklist
from tasks.planning.steps import check_runs_planned
from tasks.services.processes import check_services


@flow(name="morning-checklist")
def morning_checklist(dry_run: bool = False, requested_by: str = "on-call") -> str:
    """Look at everything at once, and report every line.

    Args:
        dry_run: The same: it only looks.
        requested_by: Your name or role.
    """
    with open_run("morning-checklist", "today", dry_run=dry_run, requested_by=requested_by) as desk:
        disk = (desk.settings.root, desk.settings.disk_used_percent_max)

        # Look.
        asked = {
            "services": check_services.submit(desk.core),
            "database": check_database.submit(desk.database),
            "disk": check_disk.submit(*disk),
            "monitoring": check_monitoring.submit(desk.settings),
            "recovery point": check_recovery_point.submit(desk.settings),
            "off-site recovery point": check_offsite_recovery_point.submit(desk.settings),
            "runs planned": check_runs_planned.submit(desk.home, desk.broker, 1),
        }
        checklist = notify_checklist(collect(asked))

        # Act.
        checklist.require_ready("repair what the red lines name, then run this again")
        return f"{checklist.readiness}"
