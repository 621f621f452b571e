"""Performance report: from a first day to the newest, growth beside the risk it took

When:     every evening, or whenever somebody asks
Changes:  writes the span's page into the reports folder; with pdf, prints it
If red:   nothing was changed unless the report stands written; a day that is not closed is named in
          it and does not stop it, nor do errors in the logs and hours in which a service was away:
          both are told beside it. Without a browser there is no PDF: print the page from yours
Covers:   TRD-13, REP-03
"""

from datetime import date

from prefect import flow

from flows.desk import open_run
from tasks.health.night import check_logged_errors
from tasks.health.performance import check_availability
from tasks.kernel import collect
from tasks.people.findings import notify_checklist
from tasks.reporting.periods import check_days_closed, ensure_period_report_written, notify_period
from tasks.reporting.printing import ensure_pdf_printed

ADVICE = ("availability", "errors in the logs")


@flow(name="performance-report")
def performance_report(
    start_date: date | None = None,
    pdf: bool = False,
    dry_run: bool = False,
    requested_by: str = "on-call",
) -> str:
    """Show the performance since a day.

    Args:
        start_date: The first day, yesterday for the day alone; empty: 30 days, to the newest one.
        pdf: Print it too.
        dry_run: Say what would be written, and write nothing.
        requested_by: Your name or role.
    """
    about = f"start_date {start_date or 'newest'}"
    with open_run("performance-report", about, dry_run=dry_run, requested_by=requested_by) as desk:
        # Look.
        asked = {
            "days closed": check_days_closed.submit(desk.settings, "performance", start_date),
            "availability": check_availability.submit(desk.settings),
            "errors in the logs": check_logged_errors.submit(desk.settings),
        }
        looked = notify_checklist(collect(asked, advice=ADVICE))
        looked.require_ready("see which part could not be read")

        # Act.
        written = ensure_period_report_written(desk.settings, "performance", start_date)
        ensure_pdf_printed(written, pdf)

        return notify_period(desk.settings, "performance", start_date, written)
