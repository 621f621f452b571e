"""Trading halt: no order leaves, none is open at the broker, and everybody knows why.

When:     the broker or the feeds are down, orders look wrong, a breach is suspected, a regulator
          asks, or you are in doubt. Faster, and with Prefect gone: `tradeops halt --reason ...`
Changes:  halts the core and cancels every open order at the broker. Positions stay as they are
If red:   a step is not confirmed: look at the broker's open orders yourself, stop trade_executor,
          and run this again; it repeats only what is missing. Works with the database gone
Covers:   EMG-03, EMG-14, GAP-18
Partly:   EMG-02
"""

from prefect import flow

from flows.desk import open_run
from tasks.kernel import confirmed
from tasks.people.findings import notify_halt
from tasks.trading.broker import ensure_orders_cancelled
from tasks.trading.core import ensure_trading_halted


@flow(name="trading-halt")
def trading_halt(reason: str, dry_run: bool = False, requested_by: str = "on-call") -> str:
    """Halt, cancel, tell. A step that fails never keeps the next from being tried.

    Args:
        reason: Why, as one sentence; it is written down and shown wherever trading is refused.
        dry_run: Say what would be done, and do nothing.
        requested_by: Your name or role.
    """
    with open_run(
        "trading-halt", reason, dry_run=dry_run, requested_by=requested_by, break_glass=True
    ) as desk:
        # Act.
        halted = ensure_trading_halted(desk.settings, desk.core, reason, return_state=True)
        cancelled = ensure_orders_cancelled(desk.broker, return_state=True)

        # Look.
        steps = confirmed({"trading halted": halted, "open orders cancelled": cancelled})
        notify_halt(reason, steps)
        steps.require_confirmed("look at the broker's open orders, then run trading-halt again")
        return f"halted: {reason}"
