"""Pause a strategy: it sends no signal any more, and none of its orders is open.

When:     a strategy loses, or does what nobody expects, and the others may go on; anybody on call
Changes:  pauses it until resume-strategy, which a restart or a new day does not end; then cancels
          its open orders. Its positions stay, by choice: close-position closes one of them
If red:   orders may still come from it: trading-halt stops everything. Otherwise run this again
Covers:   TRD-09
"""

from prefect import flow

from flows.desk import open_run
from tasks.people.findings import notify_left_at_broker
from tasks.trading.strategies import ensure_strategy_orders_cancelled, ensure_strategy_paused


@flow(name="pause-strategy")
def pause_strategy(
    strategy: str, reason: str, dry_run: bool = False, requested_by: str = "on-call"
) -> str:
    """Pause it, and take its orders back.

    Args:
        strategy: Which, by its name among the running ones.
        reason: Why, as one sentence.
        dry_run: Say what would be done, and do nothing.
        requested_by: Your name or role.
    """
    with open_run("pause-strategy", strategy, dry_run=dry_run, requested_by=requested_by) as desk:
        # Act.
        paused = ensure_strategy_paused(desk.core, strategy, reason)
        cancelled = ensure_strategy_orders_cancelled(desk.broker, strategy)

        # Look.
        notify_left_at_broker(desk.broker)
        return f"{paused.sentence}; {cancelled.sentence}"
