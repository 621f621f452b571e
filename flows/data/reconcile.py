"""Reconcile: every difference with the broker found, typed, and carried until it is explained.

When:     after downtime, a restore or a repair; at any time of a trading day. end-of-day does the
          same at the close
Changes:  keeps the comparison, and what it does to each break. Neither books nor orders
If red:   `tradeops breaks list` shows each break with both sides' words: repair-break, or
          explain-break when the books are right. A day with an open break is not closed
Covers:   DAT-11, DAT-12
"""

from datetime import date

from prefect import flow

from flows.desk import open_run
from tasks.books.breaks import notify_breaks
from tasks.closing.reconciliation import (
    check_books_of_past_day,
    check_books_rebuilt,
    ensure_reconciliation_kept,
)
from tasks.kernel import collect
from tasks.people.findings import notify_checklist


@flow(name="reconcile")
def reconcile(
    trading_date: date | None = None, dry_run: bool = False, requested_by: str = "on-call"
) -> str:
    """Compare, keep, tell.

    Args:
        trading_date: The day to compare; empty: the exchange's. Of an earlier day, orders and
            fills only: positions and balances are today's.
        dry_run: Compare and report, but keep nothing.
        requested_by: Your name or role.
    """
    with open_run("reconcile", dry_run=dry_run, requested_by=requested_by) as desk:
        database, day = desk.database, desk.day_of(trading_date)

        # Look.
        agree = check_books_of_past_day.submit(database, desk.broker, day)
        rebuilt = check_books_rebuilt.submit(database, day)
        books = collect({"books agree": agree, "books follow from fills": rebuilt})

        # Act.
        ensure_reconciliation_kept(database, day, books)
        notify_breaks(database)
        notify_checklist(books).require_ready("repair or explain every break")
        return f"{day}: the books agree"
