"""Archive logs: what every service wrote today is in one proven file, here and off this machine.

When:     every day, 30 minutes after the close
Changes:  writes the day's archive and reads it back, copies it to the bucket, removes archives
          older than 90 days. The live logs are left alone: the supervisor rotates them by size
If red:   no line is lost yet: the next archive begins where the last whole one ended. See the disk
          and the bucket, then run this again
Covers:   LOG-05, BKP-04
Partly:   LOG-04
"""

from prefect import flow

from flows.desk import open_run, wall_date
from tasks.backup.archives import ensure_archives_copied, ensure_old_archives_removed
from tasks.health.disk import check_disk
from tasks.kernel import collect, confirmed
from tasks.maintenance.logs import check_logs_archived, ensure_logs_archived
from tasks.people.findings import notify_checklist


@flow(name="archive-logs")
def archive_logs(dry_run: bool = False, requested_by: str = "on-call") -> str:
    """Archive, prove, copy, prune.

    Args:
        dry_run: Look and report what would be done, but change nothing.
        requested_by: Your name or role.
    """
    day = wall_date()
    with open_run("archive-logs", f"{day}", dry_run=dry_run, requested_by=requested_by) as desk:
        shelf = desk.log_archives

        # Look.
        room = check_disk.submit(desk.settings.root, desk.settings.disk_used_percent_max)
        collect({"disk": room}).require_ready("make room on the disk, then run this again")

        # Act.
        ensure_logs_archived(shelf, day)
        copied = ensure_archives_copied(shelf, return_state=True)
        pruned = ensure_old_archives_removed(shelf, day, return_state=True)

        confirmed({"copied": copied, "pruned": pruned}).require_confirmed("see the bucket")
        found = {"logs archived": check_logs_archived.submit(shelf, day)}
        return f"{notify_checklist(collect(found)).readiness}"
