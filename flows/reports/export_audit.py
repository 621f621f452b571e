"""Export the audit record: every change, call, approval and incident since a day

When:     when an auditor asks, and for the daily security review
Changes:  writes one zip of CSV files with a manifest into the exports folder
If red:   nothing half-written is left: make room, and run it again
Covers:   REP-06
"""

from datetime import date

from prefect import flow

from flows.desk import open_run
from tasks.health.disk import check_disk
from tasks.kernel import collect
from tasks.reporting.exports import ensure_audit_exported, notify_exported


@flow(name="export-audit")
def export_audit(
    start_date: date | None = None,
    dry_run: bool = False,
    requested_by: str = "on-call",
) -> str:
    """Write what was done, by whom, and who allowed it, with the hashes that chain it.

    Args:
        start_date: The first day, UTC; empty: yesterday.
        dry_run: Say what would be written, and write nothing.
        requested_by: Your name or role.
    """
    about = f"record since {start_date or 'yesterday'}"
    with open_run("export-audit", about, dry_run=dry_run, requested_by=requested_by) as desk:
        # Look.
        room = check_disk.submit(desk.settings.root, desk.settings.disk_used_percent_max)
        collect({"room on the disk": room}).require_ready("make room first")

        # Act.
        written = ensure_audit_exported(desk.settings, start_date)

        return notify_exported(written)
