"""Daily report: the page of any trading day, written anew from what is known of it now

When:     when somebody wants a day's page again, or printed; end-of-day writes it by itself
Changes:  writes the day's page into the reports folder; with pdf, prints it
If red:   nothing was changed unless the report stands written. Without a browser there is no PDF:
          print the page from yours
Covers:   REP-02
"""

from datetime import date

from prefect import flow

from flows.desk import open_run
from tasks.kernel import collect
from tasks.reporting.days import check_day_in_order, ensure_day_report_written, notify_day_report
from tasks.reporting.printing import ensure_pdf_printed


@flow(name="daily-report")
def daily_report(
    trading_date: date | None = None,
    pdf: bool = False,
    dry_run: bool = False,
    requested_by: str = "on-call",
) -> str:
    """Write a day's report anew.

    Args:
        trading_date: Empty: the newest trading day.
        pdf: Print it too.
        dry_run: Say what would be written, and write nothing.
        requested_by: Your name or role.
    """
    about = f"day {trading_date or 'newest'}"
    with open_run("daily-report", about, dry_run=dry_run, requested_by=requested_by) as desk:
        # Look.
        order = check_day_in_order.submit(desk.settings, trading_date)
        collect({"day in order": order}).require_ready("see which part could not be read")

        # Act.
        written = ensure_day_report_written(desk.settings, desk.database, trading_date)
        ensure_pdf_printed(written, pdf)

        return notify_day_report(desk.settings, trading_date, written)
