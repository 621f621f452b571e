"""Clean up: what is past its time goes, and nothing goes that is not kept elsewhere first.

When:     every night, after the backups and the archive of the logs
Changes:  keeps the day's sizes; removes rotated log files that the archive in the bucket has whole,
          rows older than two years after archiving them, and keys of Redis untouched for a day
If red:   each step stands by itself, and nothing is removed by one that is red. See that
          archive-logs was green and the bucket answers, then run this again
Covers:   RDM-02, DBM-10
Partly:   LOG-04, HLT-30, RDM-01, RDM-03
"""

from prefect import flow

from flows.desk import open_run, wall_date
from tasks.backup.archives import ensure_archives_copied
from tasks.health.database import check_database
from tasks.kernel import collect, confirmed
from tasks.maintenance.old_logs import (
    check_log_room,
    check_logs_off_machine,
    ensure_archived_logs_removed,
)
from tasks.maintenance.rows import check_old_rows, ensure_old_rows_removed
from tasks.maintenance.sizes import check_sizes_kept, ensure_sizes_measured
from tasks.maintenance.stale_keys import (
    check_keys_fresh,
    check_redis_fragmentation,
    ensure_stale_keys_removed,
)
from tasks.people.findings import notify_checklist


@flow(name="clean-up")
def clean_up(dry_run: bool = False, requested_by: str = "on-call") -> str:
    """Measure, remove what is past its time, look again.

    Args:
        dry_run: Say what would be removed, and remove nothing.
        requested_by: Your name or role.
    """
    day = wall_date()
    with open_run("clean-up", f"{day}", dry_run=dry_run, requested_by=requested_by) as desk:
        settings, logs, rows = desk.settings, desk.log_archives, desk.row_archives

        # Act.
        done = confirmed(
            {
                "sizes": ensure_sizes_measured(settings, desk.operations, day, return_state=True),
                "log files": ensure_archived_logs_removed(logs, return_state=True),
                "rows": ensure_old_rows_removed(rows, desk.broker, return_state=True),
                "copies": ensure_archives_copied(rows, return_state=True),
                "keys": ensure_stale_keys_removed(settings, return_state=True),
            }
        )

        # Look.
        found = {
            "database": check_database.submit(desk.database),
            "sizes": check_sizes_kept.submit(settings, desk.operations, day),
            "logs off this machine": check_logs_off_machine.submit(logs),
            "log files": check_log_room.submit(logs),
            "rows": check_old_rows.submit(rows, desk.broker),
            "keys": check_keys_fresh.submit(settings),
            "fragmentation": check_redis_fragmentation.submit(settings),
        }
        checklist = notify_checklist(collect(found))
        done.require_confirmed("see that archive-logs was green, then run this again")
        return f"{checklist.readiness}"
