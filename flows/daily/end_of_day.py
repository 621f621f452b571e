"""End of day: close the day with books that agree, a final P&L, a proven backup and a report.

When:     after the close of every trading day
Changes:  keeps the reconciliation, freezes daily_pnl, takes a backup and restores it to prove it,
          closes the trading day, writes the daily report
If red:   the day stays open. Breaks are named: explain each, then run this again; what was done
          is not done twice. The report and the backup are made even with breaks. Slow or failed
          orders, drift, and an archive of logs that is not whole, are warnings
Covers:   DAY-04, DAT-11, DAT-12, BKP-18, REP-01, GAP-14
Partly:   BKP-09, BKP-19, REP-02
"""

from datetime import date

from prefect import flow

from flows.desk import Desk, open_run, wall_date
from tasks.closing.backups import (
    check_state_backed_up,
    ensure_backup_taken,
    ensure_backup_verified,
)
from tasks.closing.pnl import ensure_pnl_frozen
from tasks.closing.reconciliation import (
    check_books_agree,
    check_books_rebuilt,
    ensure_reconciliation_kept,
)
from tasks.closing.reports import ensure_report_written
from tasks.closing.trading_day import ensure_day_closed
from tasks.health.clock import check_session_over
from tasks.health.orders import check_order_flow
from tasks.health.performance import check_latency
from tasks.kernel import Checklist, collect
from tasks.maintenance.logs import check_logs_archived
from tasks.models.drift import check_model_drift
from tasks.people.findings import notify_checklist, notify_day
from tasks.trading.broker import check_no_open_orders


@flow(name="end-of-day")
def end_of_day(
    trading_date: date | None = None, dry_run: bool = False, requested_by: str = "on-call"
) -> str:
    """Compare, freeze, back up, close, report.

    Args:
        trading_date: The day you mean to close; empty: the exchange's, whichever it is.
        dry_run: Compare and report what would be done, but change nothing.
        requested_by: Your name or role.
    """
    with open_run("end-of-day", dry_run=dry_run, requested_by=requested_by) as desk:
        database, broker, vault, day = desk.database, desk.broker, desk.vault, desk.day

        # Look.
        over = check_session_over.submit(broker, day, trading_date)
        quiet = check_no_open_orders.submit(broker)
        collect({"session over": over, "no open orders": quiet}).require_ready("wait for the close")
        agree = check_books_agree.submit(database, broker, day)
        rebuilt = check_books_rebuilt.submit(database, day)
        books = collect({"books agree": agree, "books follow from fills": rebuilt})

        # Act.
        backup_id = desk.backup_id(books)
        ensure_reconciliation_kept(database, day, books)
        if books.is_ready:
            ensure_pnl_frozen(database, broker, day)
        ensure_backup_taken(vault, backup_id)
        ensure_backup_verified(vault, backup_id)
        if books.is_ready:
            ensure_day_closed(database, vault, day, backup_id)
        ensure_report_written(desk.settings, database, day, backup_id)

        standing = notify_day(desk.settings, day, backup_id)
        lines = books + _of_the_day(desk, backup_id)
        notify_checklist(lines).require_ready("explain every break, then run end-of-day again")
        return standing


def _of_the_day(desk: Desk, backup_id: str) -> Checklist:
    """Return what is told of the day beside its books, and keeps nobody from closing it."""
    asked = {
        "order flow": check_order_flow.submit(desk.settings),
        "latency": check_latency.submit(desk.settings),
        "model drift": check_model_drift.submit(desk.database),
        "state backed up": check_state_backed_up.submit(desk.vault, backup_id),
        "logs archived": check_logs_archived.submit(desk.log_archives, wall_date()),
    }
    return collect(asked, advice=tuple(asked))
