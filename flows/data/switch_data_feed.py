"""Switch the data feed: the other provider is proven, then listened to, then seen to bring data.

When:     the feed in use is late, wrong or about to be stopped; to go back to the primary after a
          failover, once it was stable for a quarter of an hour
Changes:  has the market data service listen to the feed named, the other one in reserve, and
          collect at once. Trading goes on
If red:   the feed named is not usable: nothing was changed. When neither is: trading-halt, reason
          data_feed_down
Covers:   DAT-04, API-42
Partly:   INC-02
"""

from typing import Literal

from prefect import flow

from flows.desk import open_run
from tasks.data.feed import (
    check_data_fresh,
    check_feed_usable,
    ensure_collected,
    ensure_feed_chosen,
)
from tasks.kernel import collect
from tasks.people.findings import notify_checklist


@flow(name="switch-data-feed")
def switch_data_feed(
    reason: str,
    feed: Literal["primary", "backup"] = "backup",
    dry_run: bool = False,
    requested_by: str = "on-call",
) -> str:
    """Prove the feed, listen to it, collect, look at each symbol's age.

    Args:
        reason: Why, as one sentence.
        feed: The one to listen to.
        dry_run: Say what would be done, and do nothing.
        requested_by: Your name or role.
    """
    with open_run("switch-data-feed", feed, dry_run=dry_run, requested_by=requested_by) as desk:
        # Look.
        usable = collect({"feed": check_feed_usable.submit(desk.market_data, feed)})
        notify_checklist(usable).require_ready(
            "choose the other feed; when neither answers: trading-halt"
        )

        # Act.
        ensure_feed_chosen(desk.market_data, feed, reason)
        ensure_collected(desk.market_data, reason)

        # Look.
        fresh = collect({"data fresh": check_data_fresh.submit(desk.market_data)})
        notify_checklist(fresh)
        if not dry_run:
            fresh.require_ready("switch back, or trading-halt with reason data_feed_down")
        return f"listening to {feed}"
