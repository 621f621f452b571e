"""Capacity report: what grows, how fast, and how long the room lasts at that pace.

When:     the first of the month; by hand before anything is bought or moved
Changes:  keeps the day's sizes, unless clean-up has
If red:   the disk is full within weeks: see what grows in the table of sizes, and extend the volume
          before it is. Unknown in the first week: a trend needs seven days of sizes
Covers:   SCH-39, HLT-30
Partly:   REP-09, DBM-03
"""

from prefect import flow

from flows.desk import open_run, wall_date
from tasks.health.database import check_database_load
from tasks.health.host import check_host, check_volumes
from tasks.kernel import collect
from tasks.maintenance.old_logs import check_log_room
from tasks.maintenance.sizes import check_room_lasts, ensure_sizes_measured, notify_capacity
from tasks.people.findings import notify_checklist


@flow(name="capacity-report")
def capacity_report(dry_run: bool = False, requested_by: str = "on-call") -> str:
    """Measure, show what is largest, tell how long it lasts.

    Args:
        dry_run: Report from what is kept already, and keep nothing.
        requested_by: Your name or role.
    """
    day = wall_date()
    with open_run("capacity-report", f"{day}", dry_run=dry_run, requested_by=requested_by) as desk:
        settings, operations = desk.settings, desk.operations

        # Act.
        ensure_sizes_measured(settings, operations, day)

        # Look.
        found = {
            "room lasts": check_room_lasts.submit(settings, operations, day),
            "volumes": check_volumes.submit(settings),
            "machine": check_host.submit(settings),
            "database load": check_database_load.submit(settings, desk.database),
            "log files": check_log_room.submit(desk.log_archives),
        }
        checklist = notify_checklist(collect(found))
        notify_capacity(settings, operations, day)
        checklist.require_ready("see what grows in the table of sizes")
        return f"{checklist.readiness}"
