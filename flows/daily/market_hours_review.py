"""Market-hours review: the session as it stands, on record every half hour.

When:     every 30 minutes from half an hour after the open until the close
Changes:  nothing
If red:   the breaker, the feeds, the services and a loss near its limit have alerts of their own,
          looked at every few seconds, whose playbooks are under way. Orders that fail or wait,
          slowness and alerts are warnings here: see `tradeops status`, then smoke-test
Covers:   DAY-03, ONC-02, GAP-73
"""

from prefect import flow

from flows.desk import open_run
from tasks.health.feeds import check_data_feeds
from tasks.health.monitoring import check_scraping
from tasks.health.orders import check_order_flow, check_pending_orders
from tasks.health.performance import check_latency
from tasks.health.risk import check_daily_loss, check_risk_limits
from tasks.kernel import collect
from tasks.people.findings import notify_checklist
from tasks.services.processes import check_services
from tasks.trading.core import check_circuit_breaker

ADVICE = ("order flow", "pending orders", "latency", "alerts")


@flow(name="market-hours-review")
def market_hours_review(dry_run: bool = False, requested_by: str = "on-call") -> str:
    """Look at everything at once, and keep what was found.

    Args:
        dry_run: The same: it only looks.
        requested_by: Your name or role.
    """
    with open_run("market-hours-review", dry_run=dry_run, requested_by=requested_by) as desk:
        # Look.
        asked = {
            "services": check_services.submit(desk.core),
            "circuit breaker": check_circuit_breaker.submit(desk.core),
            "data feeds": check_data_feeds.submit(desk.core, desk.broker),
            "P&L": check_risk_limits.submit(desk.core, desk.database),
            "day's loss": check_daily_loss.submit(desk.core, desk.broker, desk.database),
            "order flow": check_order_flow.submit(desk.settings),
            "pending orders": check_pending_orders.submit(desk.settings),
            "latency": check_latency.submit(desk.settings),
            "alerts": check_scraping.submit(desk.settings),
        }
        checklist = notify_checklist(collect(asked, advice=ADVICE))

        # Act.
        checklist.require_ready("see the playbooks under way: `tradeops status`, then the runs")
        return f"{desk.day}: {checklist.readiness}"
