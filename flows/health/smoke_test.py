"""Smoke test: one share goes the whole way of an order and comes back, so trading works.

When:     after a recovery, a release or a restart, with a session open and trading enabled
Changes:  sends one order for one share, far below the market, and takes it back; paper only
If red:   the line names the part of the way that does not work. Trading stays as it was: halt it
          with trading-halt when it was enabled, because orders would meet the same fault
Covers:   HLT-22
Partly:   HLT-23
"""

from prefect import flow

from flows.desk import open_run
from tasks.health.orders import check_pending_orders
from tasks.health.risk import check_risk_limits
from tasks.kernel import collect
from tasks.people.findings import notify_checklist
from tasks.trading.core import check_circuit_breaker
from tasks.trading.trial import (
    check_paper_account,
    check_quote,
    check_strategies_run,
    check_trial_on_record,
    ensure_trial_order_taken_back,
)


@flow(name="smoke-test")
def smoke_test(
    symbol: str | None = None, dry_run: bool = False, requested_by: str = "on-call"
) -> str:
    """Look along the way, then send one share down it.

    Args:
        symbol: What to send, a symbol of the open session; empty: the first that has a quote.
        dry_run: Look, and send nothing.
        requested_by: Your name or role.
    """
    with open_run("smoke-test", dry_run=dry_run, requested_by=requested_by) as desk:
        # Look.
        asked = {
            "paper account": check_paper_account.submit(desk.broker),
            "quote": check_quote.submit(desk.settings, symbol),
            "signals": check_strategies_run.submit(desk.core),
            "risk limits": check_risk_limits.submit(desk.core, desk.database),
            "circuit breaker": check_circuit_breaker.submit(desk.core),
            "pending orders": check_pending_orders.submit(desk.settings),
        }
        way = notify_checklist(collect(asked))
        way.require_ready("repair the part of the way that the red line names")

        # Act.
        trial = ensure_trial_order_taken_back(desk.settings, desk.broker, symbol)
        record = check_trial_on_record.submit(desk.settings, trial.value)
        collect({"record": record}).require_ready("compare our orders with the exchange's")
        return trial.sentence
