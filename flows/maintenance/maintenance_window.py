"""Maintenance window: the weekly care of the system, with no new order on its way meanwhile.

When:     every Sunday, in the slot that users know; by hand when the market is closed for an hour
Changes:  holds new orders; takes a base backup and proves it, without which nothing else begins;
          vacuums the database, cleans up, then lets orders go on unless somebody spoke meanwhile
If red:   orders stay held. Repair what the line names and run this again, which ends the hold. What
          needs a restart or a new version is not done here: stop-system, start-system
Covers:   BKP-07
Partly:   MNT-01, MNT-02, MNT-04, MNT-05, RDM-03, LOG-06
"""

from prefect import flow

from flows.backup.back_up_database import back_up_database
from flows.desk import open_run, wall_date
from flows.maintenance.clean_up import clean_up
from flows.maintenance.maintain_database import maintain_database
from tasks.backup.walk import check_backups_kept
from tasks.health.database import check_database
from tasks.health.host import check_volumes
from tasks.kernel import collect, ended
from tasks.maintenance.week import check_errors_of_week
from tasks.maintenance.window import check_window_fits, ensure_window_closed, ensure_window_opened
from tasks.people.findings import notify_checklist
from tasks.services.processes import check_services


@flow(name="maintenance-window")
def maintenance_window(dry_run: bool = False, requested_by: str = "on-call") -> str:
    """Hold, back up, care, look, let go on.

    Args:
        dry_run: Say what would be done, and do nothing.
        requested_by: Your name or role.
    """
    about = f"{wall_date()}"
    with open_run("maintenance-window", about, dry_run=dry_run, requested_by=requested_by) as desk:
        # Look.
        asked = {
            "time": check_window_fits.submit(desk.broker),
            "database": check_database.submit(desk.database),
        }
        collect(asked).require_ready("wait for the close; nothing was touched")

        # Act.
        ensure_window_opened(desk.core)
        back_up_database(None, dry_run, requested_by)
        cleaned = clean_up(dry_run, requested_by, return_state=True)
        cared = maintain_database(dry_run, requested_by, return_state=True)
        parts = ended({"clean-up": cleaned, "maintain-database": cared})

        # Look.
        after = {
            "services": check_services.submit(desk.core),
            "backups": check_backups_kept.submit(desk.base_vault),
            "volumes": check_volumes.submit(desk.settings),
            "errors of the week": check_errors_of_week.submit(desk.settings),
        }
        checklist = notify_checklist(collect(after))
        parts.require_ready("orders stay held: see the run of what it names, then run this again")
        checklist.require_ready("orders stay held: see what it names, then run this again")

        # Act.
        ensure_window_closed(desk.core)
        return f"{checklist.readiness}"
