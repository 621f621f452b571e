"""Review credentials: every secret, key and login with its age, and what is to be renewed how.

When:     on the first of every month
Changes:  nothing. Rotating asks people, and is started by them
If red:   a credential is older than its limit: the line says which runbook rotates it, or where a
          new one is made by hand
Covers:   SCH-36
Partly:   SEC-08
"""

from prefect import flow

from flows.desk import open_run
from tasks.kernel import collect
from tasks.people.findings import notify_checklist
from tasks.people.notices import notify_trouble
from tasks.security.ages import check_secret_ages, notify_credentials
from tasks.security.credentials import check_secret_known
from tasks.security.tokens import (
    check_access_ending,
    check_api_tokens_ending,
    check_unused_tokens,
)

NEXT = "renew what is overdue: each line says how"


@flow(name="review-credentials")
def review_credentials(
    ending_within_days: float = 35, dry_run: bool = False, requested_by: str = "on-call"
) -> str:
    """List them, and hold each against its limit.

    Args:
        ending_within_days: A token that ends sooner, before the next review, is told.
        dry_run: The same: it only looks.
        requested_by: Your name or role.
    """
    with open_run(
        "review-credentials", "this-month", dry_run=dry_run, requested_by=requested_by
    ) as desk:
        settings, operations = desk.settings, desk.operations

        # Look.
        notify_credentials(settings, operations)
        asked = {
            "secret ages": check_secret_ages.submit(settings),
            "broker key": check_secret_known.submit(desk.broker_key(0)),
            "database login": check_secret_known.submit(desk.database_login(0)),
            "API tokens ending": check_api_tokens_ending.submit(operations, ending_within_days),
            "access ending": check_access_ending.submit(operations, ending_within_days),
            "unused tokens": check_unused_tokens.submit(operations),
        }
        checklist = notify_checklist(collect(asked))

        # Act.
        notify_trouble(settings, operations, checklist, NEXT)
        checklist.require_ready(NEXT)
        return f"{checklist.readiness}"
