"""Confirm a duty: what people were reminded of is done, and somebody says what came of it.

When:     the owner of a duty has done it; its id stands in the reminder
Changes:  closes the duty with your words, and says so in its thread
If red:   there is no such duty, nothing was said about it, or its post-mortem has places left to be
          written. Running this again is safe
Covers:   SCH-49
Partly:   ONC-07, REP-08
"""

from prefect import flow

from flows.desk import open_run
from tasks.incidents.lessons import check_post_mortem_complete
from tasks.kernel import collect
from tasks.people.duties import check_duty_open, ensure_duty_confirmed


@flow(name="confirm-duty")
def confirm_duty(
    duty: str, words: str, dry_run: bool = False, requested_by: str = "on-call"
) -> str:
    """See that it is one, then close it.

    Args:
        duty: Its id, like runbook-review/2026-11.
        words: What came of it, as one sentence; it is kept.
        dry_run: Look, and say what would be closed.
        requested_by: Your name or role.
    """
    with open_run("confirm-duty", duty, dry_run=dry_run, requested_by=requested_by) as desk:
        # Look.
        asked = {
            "duty": check_duty_open.submit(desk.operations, duty, words),
            "post-mortem": check_post_mortem_complete.submit(desk.home, duty),
        }
        known = collect(asked)
        known.require_ready(
            "take the id from the reminder; finish the page, and say what came of it"
        )

        # Act.
        return ensure_duty_confirmed(desk.operations, duty, words).sentence
