"""Quick security audit: what others could reach or read tonight, and who was refused today.

When:     every evening; after a recovery; whenever somebody asks. It takes seconds
Changes:  nothing
If red:   what the line names is open now: close it first, then find out since when. A secret in a
          log or a broken chain is an incident: halt what may use it, rotate it, keep the log
Covers:   SEC-01, SEC-05
Partly:   SEC-22, SEC-26
"""

from prefect import flow

from flows.desk import Desk, open_run
from tasks.kernel import Checklist, collect
from tasks.people.findings import notify_checklist
from tasks.people.notices import notify_trouble
from tasks.security.exposure import (
    check_accounts_of_services,
    check_listening,
    check_logs_hold_no_secret,
    check_secret_files,
)
from tasks.security.records import (
    check_audit_chain,
    check_failed_logins,
    check_refused_calls,
    check_unusual_trading,
)
from tasks.security.tokens import check_access_ending, check_api_tokens_ending

NEXT = "close what the red lines name, then run this again"


@flow(name="quick-security-audit")
def quick_security_audit(
    ending_within_days: float = 7, dry_run: bool = False, requested_by: str = "on-call"
) -> str:
    """Look at what is open, and at the day's records.

    Args:
        ending_within_days: A token that ends sooner is told.
        dry_run: The same: it only looks.
        requested_by: Your name or role.
    """
    with open_run(
        "quick-security-audit", "today", dry_run=dry_run, requested_by=requested_by
    ) as desk:
        # Look.
        checklist = notify_checklist(_look(desk, ending_within_days))

        # Act.
        notify_trouble(desk.settings, desk.operations, checklist, NEXT)
        checklist.require_ready(NEXT)
        return f"{checklist.readiness}"


def _look(desk: Desk, days: float) -> Checklist:
    settings, operations, homes = desk.settings, desk.operations, desk.secret_homes
    asked = {
        "listening sockets": check_listening.submit(settings),
        "secret files": check_secret_files.submit(homes),
        "accounts of services": check_accounts_of_services.submit(settings),
        "secrets in logs": check_logs_hold_no_secret.submit(desk.logs, homes),
        "API tokens ending": check_api_tokens_ending.submit(operations, days),
        "access ending": check_access_ending.submit(operations, days),
        "refused calls": check_refused_calls.submit(settings, operations),
        "failed logins": check_failed_logins.submit(desk.logs),
        "audit chain": check_audit_chain.submit(settings, operations),
        "unusual trading": check_unusual_trading.submit(desk.database),
    }
    return collect(asked)
