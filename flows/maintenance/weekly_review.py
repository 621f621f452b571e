"""Weekly review: what grew, slowed or failed, and whether a restore was proven, on one list.

When:     every Sunday, after the maintenance window
Changes:  nothing
If red:   see the line: a trend that is unknown needs seven days of sizes, packages that are not the
          pinned ones were changed by hand, a restore that was not proven is back-up-database's
Covers:   MNT-08, LOG-06, DBM-02
Partly:   LOG-10, PRF-09, BKP-19
"""

from prefect import flow

from flows.desk import open_run, wall_date
from tasks.backup.walk import check_backups_kept
from tasks.health.dependencies import check_dependencies
from tasks.health.performance import check_latency
from tasks.kernel import collect
from tasks.maintenance.database import check_statistics_fresh
from tasks.maintenance.sizes import check_room_lasts
from tasks.maintenance.statements import check_slow_statements
from tasks.maintenance.week import check_errors_of_week, check_packages_pinned
from tasks.people.findings import notify_checklist
from tasks.recovery.restore_drill import check_restore_in_target


@flow(name="weekly-review")
def weekly_review(dry_run: bool = False, requested_by: str = "on-call") -> str:
    """Look at a week.

    Args:
        dry_run: The same: it only looks.
        requested_by: Your name or role.
    """
    day = wall_date()
    with open_run("weekly-review", f"{day}", dry_run=dry_run, requested_by=requested_by) as desk:
        settings = desk.settings

        # Look.
        asked = {
            "statistics": check_statistics_fresh.submit(desk.database),
            "errors": check_errors_of_week.submit(settings),
            "room lasts": check_room_lasts.submit(settings, desk.operations, day),
            "restore test": check_restore_in_target.submit(desk.base_vault),
            "backups": check_backups_kept.submit(desk.base_vault),
            "latency": check_latency.submit(settings),
            "slow statements": check_slow_statements.submit(settings),
            "dependencies": check_dependencies.submit(settings, desk.core, desk.broker),
            "packages": check_packages_pinned.submit(),
        }
        checklist = notify_checklist(collect(asked))

        # Act.
        checklist.require_ready("see what it names; nothing was changed")
        return f"{checklist.readiness}"
