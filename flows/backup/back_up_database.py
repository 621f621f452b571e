"""Back up the database: a copy that was restored and compared before anybody relies on it.

When:     every six hours; check-wal-archive runs it at once on a gap in the log or after a restore
Changes:  takes a base backup, copies it to the bucket, restores it beside the live server to prove
          it, removes the server it restored and what is older than it is kept
If red:   what is good stays good and nothing older goes for it. Repair what the line names and run
          this again: what was done for the window is not done twice
Covers:   BKP-01, BKP-18, BKP-19, BKP-21, GAP-14
Partly:   BKP-17, BKP-20, BKP-25
"""

from prefect import flow

from flows.desk import backup_window, open_run
from tasks.backup.base_backups import (
    check_room_for_backup,
    ensure_base_backup_copied,
    ensure_base_backup_restored,
    ensure_base_backup_taken,
    ensure_base_backup_verified,
    notify_base_backups,
)
from tasks.backup.catalogue import ensure_catalogue_copied
from tasks.backup.retention import ensure_old_backups_removed, ensure_old_copies_removed
from tasks.backup.wal_archive import check_log_received
from tasks.health.database import check_database
from tasks.kernel import collect, confirmed


@flow(name="back-up-database")
def back_up_database(
    window: str | None = None, dry_run: bool = False, requested_by: str = "on-call"
) -> str:
    """Copy, prove, keep, prune.

    Args:
        window: The six hours it is of, like 2026-03-02T1200Z; empty: the present ones.
        dry_run: Look and report what would be done, but change nothing.
        requested_by: Your name or role.
    """
    subject = backup_window(window)
    with open_run("back-up-database", subject, dry_run=dry_run, requested_by=requested_by) as desk:
        vault = desk.base_vault
        backup_id = vault.id_of(subject)

        # Look.
        asked = {
            "database": check_database.submit(desk.database),
            "log is received": check_log_received.submit(desk.database),
            "room": check_room_for_backup.submit(vault),
        }
        collect(asked).require_ready("repair what the red lines name, then run this again")

        # Act.
        ensure_base_backup_taken(vault, backup_id)
        copied = ensure_base_backup_copied(vault, backup_id, return_state=True)
        ensure_base_backup_verified(vault, backup_id)
        ensure_base_backup_restored(vault, backup_id)
        told = ensure_catalogue_copied(vault, return_state=True)
        ensure_old_backups_removed(vault)
        emptied = ensure_old_copies_removed(vault, return_state=True)

        standing = notify_base_backups(vault, backup_id)
        offsite = confirmed({"copied": copied, "told off-site": told, "pruned": emptied})
        offsite.require_confirmed("see whether the bucket answers, then run this again")
        return standing
