"""Collect market data now: everything up to this minute, from whichever feed is listened to.

When:     after switch-data-feed or a restart, or when prices stand still
Changes:  has the market data service ask for what is missing, at once
If red:   the feed does not bring it: switch-data-feed
Covers:   DAT-05, DAT-14, API-43
"""

from prefect import flow

from flows.desk import open_run
from tasks.data.feed import check_data_fresh, ensure_collected
from tasks.kernel import collect
from tasks.people.findings import notify_checklist


@flow(name="collect-market-data")
def collect_market_data(reason: str, dry_run: bool = False, requested_by: str = "on-call") -> str:
    """Collect, then measure each symbol's age.

    Args:
        reason: Why, as one sentence.
        dry_run: Say what would be done, and do nothing.
        requested_by: Your name or role.
    """
    with open_run("collect-market-data", dry_run=dry_run, requested_by=requested_by) as desk:
        # Act.
        ensure_collected(desk.market_data, reason)

        # Look.
        checklist = collect({"data fresh": check_data_fresh.submit(desk.market_data)})
        notify_checklist(checklist)
        if not dry_run:
            checklist.require_ready("run switch-data-feed")
        return f"{checklist.readiness}"
