"""Validate parquet: every file of bars opens, is whole, and has all that the database has.

When:     monthly; when a disk is doubted; after a restore
Changes:  nothing
If red:   a bad file is written again from the database by export-market-data
Covers:   DAT-06
"""

from prefect import flow

from flows.desk import open_run
from tasks.data.parquet import check_parquet_complete, check_parquet_files
from tasks.kernel import collect
from tasks.people.findings import notify_checklist


@flow(name="validate-parquet")
def validate_parquet(source: str = "", dry_run: bool = False, requested_by: str = "on-call") -> str:
    """Open every file, and count against the database.

    Args:
        source: Whose days are compared with the database; empty: the only one there is.
        dry_run: The same: nothing is changed.
        requested_by: Your name or role.
    """
    with open_run("validate-parquet", "files", dry_run=dry_run, requested_by=requested_by) as desk:
        # Look.
        history = desk.history(source=source)
        lines = {
            "files": check_parquet_files.submit(history),
            "complete": check_parquet_complete.submit(history),
        }
        checklist = notify_checklist(collect(lines))

        # Act.
        checklist.require_ready("run export-market-data, which writes bad files again")
        return f"{checklist.readiness}"
