"""Circuit breaker tripped: trading is stopped, why is on the table, and one person is asked.

When:     the alert CircuitBreakerActive starts it; or by hand, when the breaker opens unheard
Changes:  opens an incident; makes sure that trading is halted and no order is open; records what
          was found and whether the trip was right. Never resets the breaker: that is resume-trading
If red:   a protective step is not confirmed: look at the broker's open orders, then trading-halt
Covers:   ALR-02, A2P-01
Partly:   INC-00, INC-01, RTE-10, REP-10
"""

from prefect import flow

from flows.desk import open_run
from tasks.incidents.crashes import check_last_words
from tasks.incidents.record import (
    ensure_containment_recorded,
    ensure_findings_recorded,
    ensure_incident_opened,
)
from tasks.incidents.trips import (
    check_day_loss,
    check_positions_at_risk,
    check_recent_trades,
    check_risk_events,
    check_trip,
    ensure_trip_classified,
)
from tasks.kernel import collect, confirmed
from tasks.people.notices import notify_findings, notify_opened, notify_standing
from tasks.trading.broker import ensure_orders_cancelled
from tasks.trading.core import ensure_trading_halted

REASON = "the circuit breaker is open"


@flow(name="circuit-breaker-tripped")
def circuit_breaker_tripped(
    alert: str = "", dry_run: bool = False, requested_by: str = "on-call"
) -> str:
    """Contain, tell, look, classify, ask.

    Args:
        alert: The alert's episode; empty: the incident is about today.
        dry_run: Look, and say what would be done.
        requested_by: Your name or role.
    """
    with open_run(
        "circuit-breaker-tripped", alert or None, dry_run=dry_run, requested_by=requested_by
    ) as desk:
        settings, operations, database = desk.settings, desk.operations, desk.database

        # Act.
        ensure_incident_opened(operations, "circuit breaker tripped", "P0")
        halted = ensure_trading_halted(settings, desk.core, REASON, return_state=True)
        cancelled = ensure_orders_cancelled(desk.broker, return_state=True)
        steps = confirmed({"trading halted": halted, "open orders cancelled": cancelled})
        ensure_containment_recorded(operations, steps, return_state=True)
        notify_opened(settings, operations)

        # Look.
        asked = {
            "breaker": check_trip.submit(desk.core, database),
            "loss of the day": check_day_loss.submit(database),
            "risk events": check_risk_events.submit(database),
            "positions": check_positions_at_risk.submit(database),
            "recent trades": check_recent_trades.submit(database),
            "last words": check_last_words.submit(desk.processes, "risk_manager"),
        }
        findings = notify_findings(settings, operations, collect(asked))

        # Act.
        ensure_findings_recorded(operations, findings)
        ensure_trip_classified(operations, findings)
        standing = notify_standing(settings, operations)
        steps.require_confirmed("look at the broker's open orders, then run trading-halt")
        return standing
