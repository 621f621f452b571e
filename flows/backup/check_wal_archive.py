"""Check the WAL archive: what would be lost if the server, or this machine, vanished now.

When:     every five minutes
Changes:  nothing while the log is unbroken. Where it has a gap, or no proven backup leads into it,
          only a new base backup makes later moments reachable: back-up-database is run at once;
          also where one died on its way, to finish it
If red:   less can be restored than was promised. See what the line names: the service wal_archive,
          its slot, the disk. Of a gap the next run is green, once the new backup was proven
Covers:   BKP-02, GAP-17
Partly:   BKP-17
"""

from prefect import flow

from flows.backup.back_up_database import back_up_database
from flows.desk import open_run
from tasks.backup.wal_archive import (
    check_log_received,
    check_log_unbroken,
    check_newest_backup_proven,
    check_offsite_recovery_point,
    check_recovery_point,
)
from tasks.kernel import collect
from tasks.people.findings import notify_checklist

NEEDS = {"log unbroken": ("log received",)}


@flow(name="check-wal-archive")
def check_wal_archive(dry_run: bool = False, requested_by: str = "on-call") -> str:
    """Measure the recovery points, and walk the archived log.

    Args:
        dry_run: Rehearse the backup that a broken log asks for.
        requested_by: Your name or role.
    """
    with open_run("check-wal-archive", "now", dry_run=dry_run, requested_by=requested_by) as desk:
        # Look.
        asked = {
            "recovery point": check_recovery_point.submit(desk.settings),
            "off-site recovery point": check_offsite_recovery_point.submit(desk.settings),
            "log received": check_log_received.submit(desk.database),
            "log unbroken": check_log_unbroken.submit(desk.base_vault),
            "newest backup proven": check_newest_backup_proven.submit(desk.base_vault),
        }
        checklist = notify_checklist(collect(asked, NEEDS))

        # Act.
        if checklist.is_red("log unbroken"):
            window = desk.window_after_gap
            back_up_database(window, dry_run, requested_by, return_state=True)
        elif not checklist.is_well("newest backup proven"):
            back_up_database(desk.newest_window, dry_run, requested_by, return_state=True)
        checklist.require_ready("see the log of wal_archive, and what back-up-database came to")
        return f"{checklist.readiness}"
