"""Rebuild the portfolio: positions and ledger made again from the trades, and from nothing else.

When:     positions were written by something else or lost; after a restore
Changes:  asks for approval; then writes down the trades of the exchange's record that our books
          lack, where that is wanted; makes positions from all trades and posts the difference
If red:   the trades do not make what the broker has: import-broker-trades, or reconcile and look at
          the breaks. Before people said yes nothing was changed
Covers:   DAT-10
"""

from typing import Literal

from prefect import flow

from flows.desk import Desk, open_run
from tasks.books.portfolio import (
    check_portfolio,
    ensure_portfolio_rebuilt,
    ensure_trades_complete,
)
from tasks.kernel import collect, granted, rehearse
from tasks.people.approvals import request_approval
from tasks.people.findings import notify_checklist

Source = Literal["trades", "exchange"]


@flow(name="rebuild-portfolio")
def rebuild_portfolio(
    reason: str, source: Source = "trades", dry_run: bool = False, requested_by: str = "on-call"
) -> str:
    """Rebuild beside, compare, ask, swap, compare again.

    Args:
        reason: What is wrong with the positions, as one sentence.
        source: trades: those in our books. exchange: the exchange's record of executions as well.
        dry_run: Say what would be changed, and change nothing.
        requested_by: Your name or role.
    """
    with open_run("rebuild-portfolio", dry_run=dry_run, requested_by=requested_by) as desk:
        # Look.
        beside = check_portfolio.submit(desk.database, desk.broker, desk.day)
        notify_checklist(collect({"portfolio beside": beside}))
        plan = rehearse(_act, desk, source)
        grant = request_approval(desk.approvals, plan, reason)

        # Act.
        with granted(grant):
            _act(desk, source)

        # Look.
        if not dry_run:
            after = check_portfolio.submit(desk.database, desk.broker, desk.day)
            notify_checklist(collect({"portfolio": after})).require_ready(
                "reconcile, see the breaks"
            )
        return f"positions of {desk.day.account} are those its trades make"


def _act(desk: Desk, source: Source) -> None:
    if source == "exchange":
        ensure_trades_complete(desk.database, desk.broker, desk.day)
    ensure_portfolio_rebuilt(desk.database, desk.day)
