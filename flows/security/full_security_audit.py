"""Full security audit: what can be reached, who may do what, how old it is, what it is built from.

When:     every week; after a suspected breach
Changes:  nothing. What it proposes is done by the runbook that each red line names, which asks
          people where that is needed
If red:   a role, a rule or a file that nobody put there: treat it as a breach until explained. An
          old secret: rotate-broker-key, rotate-database-password, or by hand
Covers:   SCH-20
Partly:   SEC-02, SEC-04, SEC-14, SEC-15, SEC-20
"""

from prefect import flow

from flows.desk import Desk, open_run
from tasks.health.risk import check_limits_reviewed
from tasks.kernel import Checklist, collect
from tasks.people.findings import notify_checklist
from tasks.people.notices import notify_trouble
from tasks.security.ages import check_secret_ages
from tasks.security.database_access import (
    check_database_roles,
    check_database_sessions,
    check_login_rules,
)
from tasks.security.dependencies import check_installed, check_locks
from tasks.security.exposure import (
    check_accounts_of_services,
    check_listening,
    check_logs_hold_no_secret,
    check_secret_files,
)
from tasks.security.records import check_audit_chain, check_failed_logins, check_refused_calls
from tasks.security.tokens import (
    check_access_ending,
    check_no_call_after_end,
    check_unused_tokens,
)

NEXT = "explain or close what the red lines name, then run this again"


@flow(name="full-security-audit")
def full_security_audit(
    ending_within_days: float = 30, dry_run: bool = False, requested_by: str = "on-call"
) -> str:
    """Look at everything, and report every line.

    Args:
        ending_within_days: A personal token that ends sooner is told.
        dry_run: The same: it only looks.
        requested_by: Your name or role.
    """
    with open_run(
        "full-security-audit", "this-week", dry_run=dry_run, requested_by=requested_by
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
        "secret ages": check_secret_ages.submit(settings),
        "database roles": check_database_roles.submit(settings),
        "login rules": check_login_rules.submit(settings),
        "database sessions": check_database_sessions.submit(settings),
        "access ending": check_access_ending.submit(operations, days),
        "unused tokens": check_unused_tokens.submit(operations),
        "calls after an end": check_no_call_after_end.submit(operations),
        "refused calls": check_refused_calls.submit(settings, operations),
        "failed logins": check_failed_logins.submit(desk.logs),
        "audit chain": check_audit_chain.submit(settings, operations),
        "limits reviewed": check_limits_reviewed.submit(desk.core, desk.database),
        "locks": check_locks.submit(),
        "installed packages": check_installed.submit(),
    }
    return collect(asked)
