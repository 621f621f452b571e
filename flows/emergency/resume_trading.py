"""Resume trading: after a halt, with every condition proven and other people's word.

When:     the cause of a halt is gone; after maintenance, a restore or a start of the system
Changes:  closes the circuit breaker if it is open, then lets the core send orders again; for half
          an hour watch-changes holds the system to a stricter eye
If red:   trading stays halted; repair what the lines name. It asks for approval and waits half an
          hour: one other person with `tradeops approve`, two while the starter is unproven. The
          gauge is not 0: the breaker is closed and alerts are wrong; look at the executor's log
Covers:   EMG-16, GAP-20, GAP-57
Partly:   EMG-07
"""

from prefect import flow

from flows.desk import Desk, open_run
from tasks.closing.reconciliation import check_books_agree
from tasks.health.database import check_database
from tasks.health.feeds import check_data_feeds
from tasks.health.risk import check_risk_limits
from tasks.incidents.before_resuming import check_incident_recorded
from tasks.kernel import collect, granted, rehearse
from tasks.maintenance.window import check_no_maintenance
from tasks.people.approvals import request_approval
from tasks.people.findings import notify_checklist, notify_resumed
from tasks.services.processes import check_services
from tasks.trading.breaker_gauge import check_breaker_gauge
from tasks.trading.broker import check_broker_account
from tasks.trading.core import ensure_breaker_closed, ensure_trading_resumed

NEEDS = {
    "risk limits and P&L": ("database",),
    "data feeds": ("broker account", "database"),
    "books agree": ("broker account", "database"),
    "incident": ("database",),
}


@flow(name="resume-trading")
def resume_trading(reason: str, dry_run: bool = False, requested_by: str = "on-call") -> str:
    """Check the conditions, ask, check them again, then close the breaker and end the halt.

    Args:
        reason: Why it is safe again, as one sentence.
        dry_run: Check the conditions, and change nothing.
        requested_by: Your name or role.
    """
    with open_run("resume-trading", dry_run=dry_run, requested_by=requested_by) as desk:
        # Look.
        _look(desk)
        plan = rehearse(_act, desk, reason)
        grant = request_approval(desk.approvals, plan, reason)
        _look(desk)  # what was so when people were asked may not be so any more

        # Act.
        with granted(grant):
            resumed = _act(desk, reason)
            notify_resumed(reason)

        # Look.
        told = collect({"breaker's gauge": check_breaker_gauge.submit(desk.settings)})
        told.require_confirmed("the breaker is closed: look at the executor's log and its alerts")
        return resumed


def _look(desk: Desk) -> None:
    core, broker, database = desk.core, desk.broker, desk.database
    asked = {
        "services": check_services.submit(core),
        "broker account": check_broker_account.submit(broker),
        "database": check_database.submit(database),
        "risk limits and P&L": check_risk_limits.submit(core, database),
        "data feeds": check_data_feeds.submit(core, broker),
        "maintenance": check_no_maintenance.submit(core),
        "incident": check_incident_recorded.submit(core, database, desk.operations),
        "books agree": check_books_agree.submit(database, broker, desk.day),
    }
    checklist = notify_checklist(collect(asked, NEEDS))
    checklist.require_ready("repair what the red lines name, then run this again")


def _act(desk: Desk, reason: str) -> str:
    ensure_breaker_closed(desk.core, reason)
    return ensure_trading_resumed(desk.core, reason).sentence
