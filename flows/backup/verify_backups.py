"""Verify backups: everything that is kept is read whole again and held against its checksum.

When:     every week, and before anybody relies on an old backup
Changes:  marks a base backup or dump that was found changed as unusable. No file is touched
If red:   do not restore from what it names. Run back-up-database at once, then look at the disk; a
          line about the bucket: the next back-up-database copies what is missing of its own
Covers:   BKP-18, BKP-20
"""

from prefect import flow

from flows.desk import open_run, wall_date
from tasks.backup.walk import (
    check_archives_whole,
    check_backups_kept,
    check_base_backups_whole,
    check_copies_complete,
    check_dumps_whole,
    ensure_changed_marked,
)
from tasks.kernel import collect
from tasks.people.findings import notify_checklist


@flow(name="verify-backups")
def verify_backups(dry_run: bool = False, requested_by: str = "on-call") -> str:
    """Walk through all of them, mark what is bad.

    Args:
        dry_run: Walk, and mark nothing.
        requested_by: Your name or role.
    """
    about = f"{wall_date()}"
    with open_run("verify-backups", about, dry_run=dry_run, requested_by=requested_by) as desk:
        vault = desk.base_vault

        # Look.
        asked = {
            "base backups": check_base_backups_whole.submit(vault),
            "dumps": check_dumps_whole.submit(vault),
            "archives": check_archives_whole.submit(desk.settings),
            "copies": check_copies_complete.submit(vault),
            "kept": check_backups_kept.submit(vault),
        }
        walk = notify_checklist(collect(asked))

        # Act.
        ensure_changed_marked(vault, walk)
        walk.require_ready("do not restore from what it names; run back-up-database")
        return f"{walk.readiness}"
