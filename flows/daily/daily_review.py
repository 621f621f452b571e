"""Daily review: yesterday's books are closed and clean, and the limits are the approved ones.

When:     every day before the morning checklist
Changes:  nothing
If red:   a day that was not closed: explain its breaks and run end-of-day again. Limits or models
          that differ: nobody trades before the pre-market checklist is green. Errors in a log and
          an indicator at its limit are warnings: read them, and say what they were
Covers:   DAY-07, HLT-14, HLT-15, HLT-16
"""

from prefect import flow

from flows.desk import open_run
from tasks.closing.reconciliation import check_overnight_reconciliation
from tasks.health.indicators import check_indicators
from tasks.health.models import check_model_versions
from tasks.health.night import check_breaker_trips, check_logged_errors
from tasks.health.orders import check_exposure
from tasks.health.risk import check_limits_reviewed, check_risk_limits
from tasks.kernel import collect
from tasks.people.findings import notify_checklist
from tasks.trading.core import check_circuit_breaker

ADVICE = ("openings of the breaker", "errors in the logs", "health", "exposure")


@flow(name="daily-review")
def daily_review(dry_run: bool = False, requested_by: str = "on-call") -> str:
    """Look back at once, and report every line.

    Args:
        dry_run: The same: it only looks.
        requested_by: Your name or role.
    """
    with open_run("daily-review", dry_run=dry_run, requested_by=requested_by) as desk:
        core, broker, database = desk.core, desk.broker, desk.database

        # Look.
        asked = {
            "overnight reconciliation": check_overnight_reconciliation.submit(broker, database),
            "limits reviewed": check_limits_reviewed.submit(core, database),
            "model versions": check_model_versions.submit(core, database),
            "circuit breaker": check_circuit_breaker.submit(core),
            "openings of the breaker": check_breaker_trips.submit(database),
            "errors in the logs": check_logged_errors.submit(desk.settings),
            "health": check_indicators.submit(desk.settings),
            "P&L": check_risk_limits.submit(core, database),
            "exposure": check_exposure.submit(desk.settings),
        }
        checklist = notify_checklist(collect(asked, advice=ADVICE))

        # Act.
        checklist.require_ready("repair what the red lines name before the session")
        return f"{checklist.readiness}"
