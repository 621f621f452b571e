"""Review the database: what is slow, what is unused, what it will need next month is there.

When:     the first of the month, while the market is closed; by hand when statements are slow
Changes:  makes missing partitions of this month and the next three, where a table is split by time;
          makes the server's own count of statements readable. No index is dropped or made
If red:   a partition is lacking: see what it names at once, rows of next month would be refused.
          What is only yellow is for whoever owns the statement or the index
Covers:   DBM-04, DBM-05, DBM-08
Partly:   DBM-02, DBM-03
"""

from prefect import flow

from flows.desk import open_run, wall_date
from tasks.health.database import check_database
from tasks.kernel import collect
from tasks.maintenance.database import (
    check_dead_rows,
    check_indexes,
    check_market_closed,
    check_statistics_fresh,
)
from tasks.maintenance.partitions import check_partitions, ensure_partitions_made
from tasks.maintenance.statements import check_slow_statements, ensure_statements_counted
from tasks.people.findings import notify_checklist


@flow(name="review-database")
def review_database(dry_run: bool = False, requested_by: str = "on-call") -> str:
    """Make what next month needs, then look at everything that grows slow unnoticed.

    Args:
        dry_run: Look and report what would be made, but change nothing.
        requested_by: Your name or role.
    """
    day = wall_date()
    with open_run("review-database", f"{day}", dry_run=dry_run, requested_by=requested_by) as desk:
        settings, database = desk.settings, desk.database

        # Look.
        asked = {
            "database": check_database.submit(database),
            "market closed": check_market_closed.submit(desk.broker),
        }
        collect(asked).require_ready("wait for the close, then run this again")

        # Act.
        ensure_partitions_made(database, settings.secret("owner_dsn"), day)
        ensure_statements_counted(settings)

        # Look.
        found = {
            "partitions": check_partitions.submit(database, day),
            "slow statements": check_slow_statements.submit(settings),
            "indexes": check_indexes.submit(database),
            "dead rows": check_dead_rows.submit(database),
            "statistics": check_statistics_fresh.submit(database),
        }
        checklist = notify_checklist(collect(found))
        checklist.require_ready("see what it names before the month ends")
        return f"{checklist.readiness}"
