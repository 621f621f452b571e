"""Maintain the database: no dead rows, fresh statistics, and a word on what nobody uses.

When:     every Sunday in the maintenance window; by hand whenever the market is closed
Changes:  vacuums and analyzes every table of the trading database. Readers and writers go on; a
          lock it cannot have within 30 seconds ends it. No index is dropped or made
If red:   nothing was lost, what was done is done. See who holds the lock, then run this again
Covers:   DBM-01, DBM-02
Partly:   DBM-03, DBM-05, MNT-05
"""

from prefect import flow

from flows.desk import open_run, wall_date
from tasks.health.database import check_database
from tasks.kernel import collect
from tasks.maintenance.database import (
    check_dead_rows,
    check_indexes,
    check_market_closed,
    ensure_database_vacuumed,
)
from tasks.people.findings import notify_checklist


@flow(name="maintain-database")
def maintain_database(dry_run: bool = False, requested_by: str = "on-call") -> str:
    """Vacuum, analyze, look again.

    Args:
        dry_run: Look and report what would be done, but change nothing.
        requested_by: Your name or role.
    """
    day = wall_date()
    with open_run(
        "maintain-database", f"{day}", dry_run=dry_run, requested_by=requested_by
    ) as desk:
        database, owner = desk.database, desk.settings.secret("owner_dsn")

        # Look.
        asked = {
            "database": check_database.submit(database),
            "market closed": check_market_closed.submit(desk.broker),
        }
        collect(asked).require_ready("wait for the close, then run this again")

        # Act.
        ensure_database_vacuumed(database, owner, day)
        found = {
            "dead rows": check_dead_rows.submit(database),
            "indexes": check_indexes.submit(database),
        }
        return f"{notify_checklist(collect(found)).readiness}"
