"""Back up the binaries: the program that runs is kept as one proven archive, and its last five.

When:     at every release, right after it was put in place; every night notices one nobody told of
Changes:  writes an archive of a version it has not and reads it back, copies it to the bucket,
          removes all but the newest five versions
If red:   the versions of before are as they were. Repair what the line names and run this again
          before the next release: without it there is nothing to go back to
Covers:   BKP-05
Partly:   BKP-17, BKP-21
"""

from prefect import flow

from flows.desk import open_run, wall_date
from tasks.backup.archives import ensure_archives_copied
from tasks.backup.binaries import (
    check_engine_built,
    check_version_kept,
    ensure_binaries_archived,
    ensure_old_versions_removed,
)
from tasks.health.disk import check_disk
from tasks.kernel import collect, confirmed
from tasks.people.findings import notify_checklist


@flow(name="back-up-binaries")
def back_up_binaries(dry_run: bool = False, requested_by: str = "on-call") -> str:
    """Archive, prove, copy, prune.

    Args:
        dry_run: Look and report what would be done, but change nothing.
        requested_by: Your name or role.
    """
    day = wall_date()
    with open_run("back-up-binaries", f"{day}", dry_run=dry_run, requested_by=requested_by) as desk:
        shelf = desk.binary_archives

        # Look.
        room = check_disk.submit(desk.settings.root, desk.settings.disk_used_percent_max)
        ground = collect({"disk": room, "engine": check_engine_built.submit()})
        ground.require_ready("make room, or build the engine, then run this again")

        # Act.
        ensure_binaries_archived(shelf, day)
        copied = ensure_archives_copied(shelf, return_state=True)
        pruned = ensure_old_versions_removed(shelf, return_state=True)

        confirmed({"copied": copied, "pruned": pruned}).require_confirmed("see the bucket")
        kept = collect({"this version": check_version_kept.submit(shelf)})
        return f"{notify_checklist(kept).readiness}"
