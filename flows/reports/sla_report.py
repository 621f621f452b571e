"""SLA report: every objective beside what was measured, and nothing claimed that was not

When:     the first of every month, or whenever somebody asks
Changes:  writes the month's page into the reports folder; with pdf, prints it
If red:   nothing was changed unless the report stands written. A missed or unknown objective is
          named in it and stops nothing: see what has no record, and drill it
Covers:   REP-13, GAP-12, OBJ-01, OBJ-02, OBJ-03, OBJ-04, OBJ-05, OBJ-06, OBJ-07, OBJ-08, OBJ-09,
          OBJ-10, OBJ-11, OBJ-12, OBJ-13, OBJ-14, OBJ-15, OBJ-16, OBJ-17, OBJ-18, OBJ-19, OBJ-20,
          OBJ-21, OBJ-22, OBJ-23
"""

from datetime import date

from prefect import flow

from flows.desk import open_run
from tasks.kernel import collect
from tasks.reporting.objectives import (
    check_objectives,
    ensure_sla_report_written,
    notify_objectives,
)
from tasks.reporting.printing import ensure_pdf_printed


@flow(name="sla-report")
def sla_report(
    month_of: date | None = None,
    pdf: bool = False,
    dry_run: bool = False,
    requested_by: str = "on-call",
) -> str:
    """Hold the month's records against the objectives.

    Args:
        month_of: Any day of the month; empty: the month of the newest trading day.
        pdf: Print it too.
        dry_run: Say what would be written, and write nothing.
        requested_by: Your name or role.
    """
    about = f"objectives of {month_of or 'newest'}"
    with open_run("sla-report", about, dry_run=dry_run, requested_by=requested_by) as desk:
        # Look.
        kept = check_objectives.submit(desk.settings, month_of)
        collect({"objectives": kept}).require_ready("see which records could not be read")

        # Act.
        written = ensure_sla_report_written(desk.settings, month_of)
        ensure_pdf_printed(written, pdf)

        return notify_objectives(desk.settings, month_of, written)
