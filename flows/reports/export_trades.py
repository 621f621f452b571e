"""Export trades: every execution for TradeNote, every round trip as a journal

When:     when somebody keeps a journal elsewhere, or an export of theirs has failed
Changes:  writes two CSV files into the exports folder
If red:   nothing half-written is left: make room or correct the date, and run it again
Covers:   REP-04
"""

from datetime import date

from prefect import flow

from flows.desk import open_run
from tasks.health.disk import check_disk
from tasks.kernel import collect
from tasks.reporting.exports import (
    ensure_journal_exported,
    ensure_tradenote_exported,
    notify_exported,
)


@flow(name="export-trades")
def export_trades(
    start_date: date | None = None,
    dry_run: bool = False,
    requested_by: str = "on-call",
) -> str:
    """Write what was traded since a day for programs that keep journals.

    Args:
        start_date: The first trading day; empty: the newest one.
        dry_run: Say what would be written, and write nothing.
        requested_by: Your name or role.
    """
    about = f"trades since {start_date or 'newest'}"
    with open_run("export-trades", about, dry_run=dry_run, requested_by=requested_by) as desk:
        # Look.
        room = check_disk.submit(desk.settings.root, desk.settings.disk_used_percent_max)
        collect({"room on the disk": room}).require_ready("make room first")

        # Act.
        tradenote = ensure_tradenote_exported(desk.settings, start_date)
        journal = ensure_journal_exported(desk.settings, start_date)

        return notify_exported(tradenote, journal)
