"""Export market data: a parquet file for each stored day, and what is too old dropped.

When:     every night after the close
Changes:  writes the files of days that have none or another one; drops bars and files older than
          they are kept (a setting, two years at first)
If red:   the disk is full or the database does not answer; run it again, it repeats what is missing
Covers:   DM-F07
Partly:   DAT-06
"""

from prefect import flow

from flows.desk import open_run
from tasks.data.parquet import check_parquet_files, ensure_days_exported, ensure_old_bars_dropped
from tasks.kernel import collect
from tasks.people.findings import notify_checklist


@flow(name="export-market-data")
def export_market_data(
    source: str = "", dry_run: bool = False, requested_by: str = "on-call"
) -> str:
    """Write what is missing, drop what is old, open every file.

    Args:
        source: Whose days are written; empty: the only one there is.
        dry_run: Say what would be written and dropped, and do neither.
        requested_by: Your name or role.
    """
    with open_run(
        "export-market-data", "files", dry_run=dry_run, requested_by=requested_by
    ) as desk:
        history = desk.history(source=source)

        # Act.
        ensure_old_bars_dropped(history, desk.settings.bar_days_kept)
        ensure_days_exported(history)

        # Look.
        checklist = notify_checklist(collect({"files": check_parquet_files.submit(history)}))
        checklist.require_ready("see the disk, then run this again")
        return f"{checklist.readiness}"
