"""Large daily loss: one person is called before the limit stops trading, with the day before them.

When:     the alert DailyLossCritical starts it; or by hand, when the day goes badly
Changes:  opens an incident with the day's loss, every position and the orders under way, and asks
          whether the desk trades on. Closes no position; at the limit the breaker stops trading
If red:   it could not say how things stand: look with `tradeops status`; when in doubt trading-halt
Covers:   ALR-04, ALR-05
Partly:   INC-00, INC-30, A2P-03
"""

from prefect import flow

from flows.desk import open_run
from tasks.closing.positions import check_positions_agree
from tasks.health.orders import check_exposure, check_pending_orders
from tasks.health.risk import check_daily_loss
from tasks.incidents.record import (
    ensure_findings_recorded,
    ensure_incident_opened,
    ensure_incident_settled,
)
from tasks.kernel import collect
from tasks.people.notices import notify_findings, notify_opened, notify_standing
from tasks.trading.core import check_circuit_breaker

OTHERWISE = "Does the desk trade on? If not: trading-halt. With the cause known: close-incident"


@flow(name="large-daily-loss")
def large_daily_loss(alert: str = "", dry_run: bool = False, requested_by: str = "on-call") -> str:
    """Tell, look, ask.

    Args:
        alert: The alert's episode; empty: the incident is about today.
        dry_run: Look, and say what would be done.
        requested_by: Your name or role.
    """
    with open_run(
        "large-daily-loss", alert or None, dry_run=dry_run, requested_by=requested_by
    ) as desk:
        settings, operations, core = desk.settings, desk.operations, desk.core
        broker, database = desk.broker, desk.database

        # Act.
        ensure_incident_opened(operations, "the day's loss is near its limit", "P1")
        notify_opened(settings, operations)

        # Look.
        loss = collect({"day's loss": check_daily_loss.submit(core, broker, database)})
        asked = {
            "exposure": check_exposure.submit(settings),
            "positions": check_positions_agree.submit(broker, database),
            "circuit breaker": check_circuit_breaker.submit(core),
            "pending orders": check_pending_orders.submit(settings),
        }
        findings = notify_findings(settings, operations, loss + collect(asked))

        # Act.
        ensure_findings_recorded(operations, findings)
        ensure_incident_settled(operations, core, loss, OTHERWISE)
        return notify_standing(settings, operations)
