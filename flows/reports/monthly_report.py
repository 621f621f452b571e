"""Monthly report: what the month earned, at what risk, and what went wrong in it

When:     the first of every month, or whenever somebody asks
Changes:  writes the month's page into the reports folder; with pdf, prints it
If red:   nothing was changed unless the report stands written; a day that is not closed is named in
          it and does not stop it. Without a browser there is no PDF: print the page from yours
Covers:   TRD-13, REP-12
"""

from datetime import date

from prefect import flow

from flows.desk import open_run
from tasks.kernel import collect
from tasks.reporting.periods import check_days_closed, ensure_period_report_written, notify_period
from tasks.reporting.printing import ensure_pdf_printed


@flow(name="monthly-report")
def monthly_report(
    month_of: date | None = None,
    pdf: bool = False,
    dry_run: bool = False,
    requested_by: str = "on-call",
) -> str:
    """Roll the days of a month up into one page.

    Args:
        month_of: Any day of the month; empty: the month of the newest trading day.
        pdf: Print it too.
        dry_run: Say what would be written, and write nothing.
        requested_by: Your name or role.
    """
    about = f"month_of {month_of or 'newest'}"
    with open_run("monthly-report", about, dry_run=dry_run, requested_by=requested_by) as desk:
        # Look.
        closed = check_days_closed.submit(desk.settings, "monthly", month_of)
        collect({"days closed": closed}).require_ready("see which part could not be read")

        # Act.
        written = ensure_period_report_written(desk.settings, "monthly", month_of)
        ensure_pdf_printed(written, pdf)

        return notify_period(desk.settings, "monthly", month_of, written)
