"""Export everything: all tables of the trading database, of one moment, in one archive

When:     when another system must have all there is
Changes:  writes one zip of CSV files with a manifest into the exports folder
If red:   nothing half-written is left: make room, and run it again
Covers:   REP-05
"""

from prefect import flow

from flows.desk import open_run
from tasks.health.disk import check_disk
from tasks.kernel import collect
from tasks.reporting.exports import ensure_everything_exported, notify_exported


@flow(name="export-everything")
def export_everything(
    dry_run: bool = False,
    requested_by: str = "on-call",
) -> str:
    """Write every table with its row count and checksum.

    Args:
        dry_run: Say what would be written, and write nothing.
        requested_by: Your name or role.
    """
    about = "the trading database"
    with open_run("export-everything", about, dry_run=dry_run, requested_by=requested_by) as desk:
        # Look.
        room = check_disk.submit(desk.settings.root, desk.settings.disk_used_percent_max)
        collect({"room on the disk": room}).require_ready("make room first")

        # Act.
        written = ensure_everything_exported(desk.settings)

        return notify_exported(written)
