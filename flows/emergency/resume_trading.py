"""Resume trading: after a halt, with every condition proven and a second person's word.

When:     the cause of a halt is gone; after maintenance, a restore or a start of the system
Changes:  closes the circuit breaker if it is open, then lets the core send orders again
If red:   trading stays halted; repair what the lines name. A refused approval needs a second
          person: whoever runs this cannot approve it
Covers:   GAP-20
Partly:   EMG-16
"""

from prefect import flow

from flows.desk import open_run
from tasks.broker import check_broker_account
from tasks.core import ensure_breaker_closed, ensure_trading_resumed
from tasks.database import check_database
from tasks.feeds import check_data_feeds
from tasks.kernel import Approval, collect
from tasks.people import notify_checklist, notify_resumed
from tasks.reconciliation import check_books_agree
from tasks.risk import check_risk_limits
from tasks.services import check_services

NEEDS = {
    "risk limits and P&L": ("database",),
    "data feeds": ("broker account", "database"),
    "books agree": ("broker account", "database"),
}


@flow(name="resume-trading")
def resume_trading(
    reason: str, approved_by: str, dry_run: bool = False, requested_by: str = "on-call"
) -> str:
    """Check the conditions, then close the breaker and end the halt.

    Args:
        reason: Why it is safe again, as one sentence.
        approved_by: Who else says so; not the one who runs this.
        dry_run: Check the conditions, and change nothing.
        requested_by: Your name or role.
    """
    approval = Approval(approved_by, reason)
    with open_run(
        "resume-trading", dry_run=dry_run, requested_by=requested_by, approval=approval
    ) as desk:
        core, broker, database = desk.core, desk.broker, desk.database

        # Look.
        asked = {
            "services": check_services.submit(core),
            "broker account": check_broker_account.submit(broker),
            "database": check_database.submit(database),
            "risk limits and P&L": check_risk_limits.submit(core, database),
            "data feeds": check_data_feeds.submit(core, broker),
            "books agree": check_books_agree.submit(database, broker, desk.day),
        }
        checklist = notify_checklist(collect(asked, NEEDS))
        checklist.require_ready("repair what the red lines name, then run this again")

        # Act.
        ensure_breaker_closed(core, reason)
        resumed = ensure_trading_resumed(core, reason)
        notify_resumed(reason)
        return resumed.sentence
