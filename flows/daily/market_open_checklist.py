"""Market-open checklist: the session has begun, and the desk trades as it should.

When:     at the open of every trading day, and again 5, 15 and 30 minutes after it: so the first
          trades are followed for half an hour, and no run waits
Changes:  nothing, unless positions differ from the broker's: then trading is halted and the books
          are compared, each difference a break on record
If red:   the line says what is wrong. Positions that differ: repair or explain each break, then
          resume-trading. A feed or a service: its alert has started the playbook. Orders that fail,
          errors and slowness are warnings here; watch-errors tells whether they stay
Covers:   DAY-02, HLT-17
"""

from prefect import flow

from flows.data.reconcile import reconcile
from flows.desk import open_run
from tasks.closing.positions import check_positions_agree
from tasks.health.feeds import check_data_feeds
from tasks.health.orders import check_order_flow, check_pending_orders
from tasks.health.performance import check_error_rate, check_latency
from tasks.health.risk import check_risk_limits
from tasks.kernel import collect
from tasks.people.findings import notify_checklist
from tasks.services.processes import check_services
from tasks.trading.broker import check_broker_account
from tasks.trading.core import check_circuit_breaker, ensure_trading_halted
from tasks.trading.first_orders import check_first_orders

ADVICE = ("first orders", "order flow", "pending orders", "errors", "latency")
HALTED = "positions differ from the broker's at the open"


@flow(name="market-open-checklist")
def market_open_checklist(dry_run: bool = False, requested_by: str = "on-call") -> str:
    """Look at everything at once, and report every line.

    Args:
        dry_run: The same: it only looks.
        requested_by: Your name or role.
    """
    with open_run("market-open-checklist", dry_run=dry_run, requested_by=requested_by) as desk:
        core, broker, database = desk.core, desk.broker, desk.database

        # Look.
        asked = {
            "services": check_services.submit(core),
            "broker account": check_broker_account.submit(broker),
            "circuit breaker": check_circuit_breaker.submit(core),
            "data feeds": check_data_feeds.submit(core, broker),
            "risk limits and P&L": check_risk_limits.submit(core, database),
            "positions": check_positions_agree.submit(broker, database),
            "first orders": check_first_orders.submit(broker, database),
            "order flow": check_order_flow.submit(desk.settings),
            "pending orders": check_pending_orders.submit(desk.settings),
            "errors": check_error_rate.submit(desk.settings),
            "latency": check_latency.submit(desk.settings),
        }
        checklist = notify_checklist(collect(asked, advice=ADVICE))

        # Act.
        if checklist.is_red("positions"):
            ensure_trading_halted(desk.settings, core, HALTED)
            reconcile(dry_run=dry_run, requested_by=requested_by, return_state=True)
        checklist.require_ready("repair what the red lines name; trading-halt when in doubt")
        return f"{desk.day}: {checklist.readiness}"
