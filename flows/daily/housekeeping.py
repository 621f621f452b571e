"""Housekeeping: the backups are proven, the log is whole and the disk has room, every day.

When:     every night
Changes:  nothing
If red:   a log with a gap or without a proven backup: check-wal-archive closes it. A full disk:
          see what grows there before anything is deleted. The archive of the logs: archive-logs
Covers:   BKP-17, DAY-08
"""

from prefect import flow

from flows.desk import open_run, wall_date
from tasks.backup.wal_archive import (
    check_log_received,
    check_log_unbroken,
    check_offsite_recovery_point,
    check_recovery_point,
)
from tasks.health.database import check_database
from tasks.health.disk import check_disk
from tasks.health.host import check_volumes
from tasks.health.indicators import check_indicators
from tasks.health.night import check_newest_backup
from tasks.kernel import collect
from tasks.maintenance.logs import check_logs_archived
from tasks.people.findings import notify_checklist

NEEDS = {"log received": ("database",), "log unbroken": ("log received",)}
ADVICE = ("newest backup", "logs archived", "performance")


@flow(name="housekeeping")
def housekeeping(dry_run: bool = False, requested_by: str = "on-call") -> str:
    """Look at what a night may have done to what we would restore from.

    Args:
        dry_run: The same: it only looks.
        requested_by: Your name or role.
    """
    with open_run("housekeeping", "today", dry_run=dry_run, requested_by=requested_by) as desk:
        # Look.
        asked = {
            "database": check_database.submit(desk.database),
            "disk": check_disk.submit(desk.settings.root, desk.settings.disk_used_percent_max),
            "recovery point": check_recovery_point.submit(desk.settings),
            "off-site recovery point": check_offsite_recovery_point.submit(desk.settings),
            "log received": check_log_received.submit(desk.database),
            "log unbroken": check_log_unbroken.submit(desk.base_vault),
            "newest backup": check_newest_backup.submit(desk.settings),
            "logs archived": check_logs_archived.submit(desk.log_archives, wall_date()),
            "volumes": check_volumes.submit(desk.settings),
            "performance": check_indicators.submit(desk.settings),
        }
        checklist = notify_checklist(collect(asked, NEEDS, advice=ADVICE))

        # Act.
        checklist.require_ready("run check-wal-archive, and see the log of wal_archive")
        return f"{checklist.readiness}"
