"""Pre-market checklist: prove that we may trade today, or say exactly why not.

When:     30 minutes before the open of every trading day, and again after any repair before it
Changes:  tells people the verdict; nothing else until every line is green. Then has one marked
          alert fire and arrive, where alerting is heard of, and enables trading in the core
If red:   trading stays disabled; repair what the line names and run this again. A halt or an
          open breaker is never cleared here: that is resume-trading
Covers:   DAY-01, HLT-12, HLT-14, HLT-15, HLT-16, HLT-17, GAP-02, GAP-03, GAP-04, GAP-05, GAP-06
Partly:   HLT-13, MON-04, GAP-01
"""

from datetime import date

from prefect import flow

from flows.desk import open_run
from tasks.closing.positions import check_overnight_positions
from tasks.closing.reconciliation import check_overnight_reconciliation
from tasks.health.clock import check_clock
from tasks.health.database import check_database
from tasks.health.disk import check_disk
from tasks.health.feeds import check_data_feeds
from tasks.health.models import check_model_versions
from tasks.health.monitoring import check_alert_chain, check_monitoring, ensure_canary_arrived
from tasks.health.risk import check_limits_reviewed, check_risk_limits
from tasks.kernel import collect, confirmed
from tasks.people.findings import notify_checklist
from tasks.people.notices import notify_canary, notify_readiness
from tasks.services.processes import check_services
from tasks.trading.broker import check_broker_account
from tasks.trading.core import check_circuit_breaker, ensure_trading_enabled

NEEDS = {
    "risk limits and P&L": ("database",),
    "overnight positions": ("broker account", "database"),
    "data feeds": ("broker account", "database"),
    "overnight reconciliation": ("broker account", "database"),
    "limits reviewed": ("database", "risk limits and P&L"),
    "model versions": ("database",),
    "clock": ("broker account", "database"),
}


@flow(name="pre-market-checklist")
def pre_market_checklist(
    trading_date: date | None = None, dry_run: bool = False, requested_by: str = "on-call"
) -> str:
    """Look at everything at once, report every line, then enable trading.

    Args:
        trading_date: The day you mean to trade; empty: the exchange's, whichever it is.
        dry_run: Look and report, but change nothing.
        requested_by: Your name or role.
    """
    with open_run("pre-market-checklist", dry_run=dry_run, requested_by=requested_by) as desk:
        core, broker, database = desk.core, desk.broker, desk.database

        # Look.
        asked = {
            "services": check_services.submit(core),
            "broker account": check_broker_account.submit(broker),
            "database": check_database.submit(database),
            "disk": check_disk.submit(desk.settings.root, desk.settings.disk_used_percent_max),
            "circuit breaker": check_circuit_breaker.submit(core),
            "monitoring": check_monitoring.submit(desk.settings),
            "alert chain": check_alert_chain.submit(desk.settings),
            "risk limits and P&L": check_risk_limits.submit(core, database),
            "overnight positions": check_overnight_positions.submit(broker, database),
            "data feeds": check_data_feeds.submit(core, broker),
            "overnight reconciliation": check_overnight_reconciliation.submit(broker, database),
            "limits reviewed": check_limits_reviewed.submit(core, database),
            "model versions": check_model_versions.submit(core, database),
            "clock": check_clock.submit(broker, core, database, trading_date),
        }
        checklist = notify_checklist(collect(asked, NEEDS))
        notify_readiness(desk.settings, desk.operations, checklist)
        checklist.require_ready("repair what the red lines name, then run this again")

        # Act.
        canary = {"canary": ensure_canary_arrived(desk.settings, return_state=True)}
        notify_canary(desk.settings, desk.operations, confirmed(canary))
        reason = f"pre-market checklist of {desk.day}: {checklist.readiness}"
        return ensure_trading_enabled(core, reason).sentence
