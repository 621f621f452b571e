"""Monthly maintenance: drills that prove, reviews that warn, each run whole and none skipped.

When:     the first of the month, before the open
Changes:  what review-database, verify-backups, rehearse-restore, crash-service and capacity-report
          change; each says it itself
If red:   the list names which of them failed; the others were run all the same. See that run, then
          run the one that failed by itself
Covers:   SCH-31
Partly:   MNT-06
"""

from prefect import flow

from flows.backup.verify_backups import verify_backups
from flows.desk import open_run, wall_date
from flows.drills.crash_service import crash_service
from flows.drills.rehearse_restore import rehearse_restore
from flows.maintenance.review_database import review_database
from flows.reports.capacity_report import capacity_report
from tasks.health.database import check_database
from tasks.kernel import collect, ended
from tasks.people.findings import notify_checklist


@flow(name="monthly-maintenance")
def monthly_maintenance(dry_run: bool = False, requested_by: str = "on-call") -> str:
    """Run each whole, tell how each ended.

    Args:
        dry_run: Rehearse each of them.
        requested_by: Your name or role.
    """
    about, who = f"{wall_date():%Y-%m}", requested_by
    with open_run("monthly-maintenance", about, dry_run=dry_run, requested_by=requested_by) as desk:
        # Look.
        ground = collect({"database": check_database.submit(desk.database)})
        ground.require_ready("see the database, then run this again")

        # Act.
        parts = {
            "review-database": review_database(dry_run, who, return_state=True),
            "verify-backups": verify_backups(dry_run, who, return_state=True),
            "rehearse-restore": rehearse_restore(dry_run, who, return_state=True),
            "crash-service": crash_service(dry_run=dry_run, requested_by=who, return_state=True),
            "capacity-report": capacity_report(dry_run, who, return_state=True),
        }
        told = notify_checklist(ended(parts))
        told.require_ready("see the run of what it names, and run that one again")
        return f"{told.readiness}"
