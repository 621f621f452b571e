"""Morning checklist: the platform came through the night, and the day is planned.

When:     every morning, trading day or not
Changes:  nothing, unless the night left no proven backup: then back-up-database is run
If red:   repair what the line names before the pre-market checklist looks at it again. Runs that
          are missing: plan-session. No recovery point: check-wal-archive. A busy machine and an
          indicator at its limit are warnings here: `tradeops status` shows them all
Covers:   DAY-05, GAP-06
"""

from prefect import flow

from flows.backup.back_up_database import back_up_database
from flows.desk import open_run
from tasks.backup.wal_archive import check_offsite_recovery_point, check_recovery_point
from tasks.health.database import check_database
from tasks.health.disk import check_disk
from tasks.health.host import check_host
from tasks.health.indicators import check_indicators
from tasks.health.monitoring import check_monitoring
from tasks.health.night import check_newest_backup
from tasks.kernel import collect
from tasks.people.findings import notify_checklist
from tasks.planning.steps import check_runs_planned
from tasks.services.processes import check_services

ADVICE = ("machine", "indicators", "night backup")


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
            "machine": check_host.submit(desk.settings),
            "indicators": check_indicators.submit(desk.settings),
            "night backup": check_newest_backup.submit(desk.settings),
        }
        checklist = notify_checklist(collect(asked, advice=ADVICE))

        # Act.
        if not checklist.is_well("night backup"):
            back_up_database(dry_run=dry_run, requested_by=requested_by, return_state=True)
        checklist.require_ready("repair what the red lines name, then run this again")
        return f"{checklist.readiness}"
