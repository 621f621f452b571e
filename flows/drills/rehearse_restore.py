"""Rehearse a restore: all there is now comes back from the backup and the log, beside the server.

When:     monthly, while the market is closed; after a change of PostgreSQL or of the disks
Changes:  restores the newest proven base backup and the whole log since into a scratch server,
          compares every table with the live one, removes it, and records how long it took
If red:   a real restore would stumble over the same. Read what it names, run back-up-database,
          then this again; the live server was only read
Covers:   BKP-19, SCH-35
Partly:   RST-02, DR-13
"""

from prefect import flow

from flows.desk import open_run, wall_date
from tasks.backup.base_backups import check_room_for_backup
from tasks.backup.wal_archive import check_log_received
from tasks.kernel import collect
from tasks.maintenance.database import check_market_closed
from tasks.people.findings import notify_checklist
from tasks.recovery.restore_drill import (
    check_backup_to_restore,
    check_restore_in_target,
    ensure_restore_rehearsed,
)


@flow(name="rehearse-restore")
def rehearse_restore(dry_run: bool = False, requested_by: str = "on-call") -> str:
    """Restore beside, compare with what is live, keep how long it took.

    Args:
        dry_run: Say what would be done, and do nothing.
        requested_by: Your name or role.
    """
    about = f"{wall_date()}"
    with open_run("rehearse-restore", about, dry_run=dry_run, requested_by=requested_by) as desk:
        vault = desk.base_vault

        # Look.
        asked = {
            "market closed": check_market_closed.submit(desk.broker),
            "backup": check_backup_to_restore.submit(vault),
            "log received": check_log_received.submit(desk.database),
            "room": check_room_for_backup.submit(vault),
        }
        collect(asked).require_ready("run back-up-database, or wait for the close")

        # Act.
        restored = ensure_restore_rehearsed(vault)

        # Look.
        if not dry_run:
            result = collect({"restore": check_restore_in_target.submit(vault)})
            notify_checklist(result).require_ready("see what made it slow")
        return restored.sentence
