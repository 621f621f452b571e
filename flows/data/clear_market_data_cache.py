"""Clear the market data cache: what Redis shows is deleted, and the next minute fills it again.

When:     the cache shows symbols or values that are no longer so
Changes:  asks for approval; then deletes the keys of market data in Redis, and no others. Nothing
          in the core reads them, so nothing stops
If red:   Redis does not answer: restart-service redis. The core goes on without it
Covers:   DAT-08
"""

from prefect import flow

from flows.desk import Desk, open_run
from tasks.data.cache import check_cache_answers, ensure_cache_cleared
from tasks.kernel import collect, granted, rehearse
from tasks.people.approvals import request_approval
from tasks.people.findings import notify_checklist


@flow(name="clear-market-data-cache")
def clear_market_data_cache(
    reason: str, dry_run: bool = False, requested_by: str = "on-call"
) -> str:
    """Look, ask, delete.

    Args:
        reason: Why, as one sentence.
        dry_run: Say what would be deleted, and delete nothing.
        requested_by: Your name or role.
    """
    with open_run(
        "clear-market-data-cache", "redis", dry_run=dry_run, requested_by=requested_by
    ) as desk:
        # Look.
        answers = collect({"redis": check_cache_answers.submit(desk.settings)})
        notify_checklist(answers).require_ready("restart-service redis")
        grant = request_approval(desk.approvals, rehearse(_act, desk), reason)

        # Act.
        with granted(grant):
            _act(desk)
        return "the cache is cleared"


def _act(desk: Desk) -> None:
    ensure_cache_cleared(desk.settings)
