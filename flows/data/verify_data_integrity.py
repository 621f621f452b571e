"""Verify data integrity: the live trading database is readable and agrees with itself.

When:     after a restore or a crash of the database, weekly, or when figures are doubted
Changes:  nothing
If red:   halt trading, then restore-database to a moment before the damage; what it names is where
          to look first
Covers:   DAT-07, GAP-22
"""

from prefect import flow

from flows.desk import open_run
from tasks.data.integrity import (
    check_books_follow_fills,
    check_records_linked,
    check_tables_readable,
)
from tasks.kernel import collect
from tasks.people.findings import notify_checklist


@flow(name="verify-data-integrity")
def verify_data_integrity(dry_run: bool = False, requested_by: str = "on-call") -> str:
    """Read every row, follow every link, rebuild the books.

    Args:
        dry_run: The same: nothing is changed.
        requested_by: Your name or role.
    """
    with open_run(
        "verify-data-integrity", "trading database", dry_run=dry_run, requested_by=requested_by
    ) as desk:
        # Look.
        lines = {
            "tables readable": check_tables_readable.submit(desk.database),
            "records linked": check_records_linked.submit(desk.database),
            "books follow fills": check_books_follow_fills.submit(desk.database),
        }
        checklist = notify_checklist(collect(lines))

        # Act.
        checklist.require_ready("trading-halt, then restore-database to a moment before it")
        return f"{checklist.readiness}"
