"""Check access: who loses access soon is told, and what has ended opens nothing.

When:     every morning
Changes:  the first time, keeps one token that has ended, to try the control API's door with
If red:   a token that has ended was let in: stop the gateway from being reached, and look at what
          was asked with it in the record of calls. It could not be tried: see the gateway
Covers:   SCH-47, SCH-48
Partly:   SEC-24, SEC-10, SEC-11
"""

from prefect import flow

from flows.desk import open_run
from tasks.kernel import collect
from tasks.people.findings import notify_checklist
from tasks.people.notices import notify_trouble
from tasks.security.tokens import (
    check_access_ending,
    check_api_tokens_ending,
    check_ended_token_refused,
    check_no_call_after_end,
    ensure_ended_token_kept,
)

NEXT = "issue new tokens to those who still need them; what was let in is an incident"


@flow(name="check-access")
def check_access(
    ending_within_days: float = 14, dry_run: bool = False, requested_by: str = "on-call"
) -> str:
    """Say what ends, and prove what ended.

    Args:
        ending_within_days: A token that ends sooner is told.
        dry_run: Look, and say what would be kept.
        requested_by: Your name or role.
    """
    with open_run("check-access", "today", dry_run=dry_run, requested_by=requested_by) as desk:
        settings, operations = desk.settings, desk.operations

        # Act.
        ensure_ended_token_kept(settings, operations)

        # Look.
        asked = {
            "API tokens ending": check_api_tokens_ending.submit(operations, ending_within_days),
            "access ending": check_access_ending.submit(operations, ending_within_days),
            "ended token refused": check_ended_token_refused.submit(settings),
            "calls after an end": check_no_call_after_end.submit(operations),
        }
        checklist = notify_checklist(collect(asked))

        # Act.
        notify_trouble(settings, operations, checklist, NEXT)
        checklist.require_ready(NEXT)
        return f"{checklist.readiness}"
