"""Trading halt: no order leaves, none is open at the broker, and everybody knows why.

When:     the broker or the feeds are down, orders look wrong, a breach is suspected, a regulator
          asks, or you are in doubt. Faster, and with Prefect gone: `tradeops halt --reason ...`
Changes:  halts the core and cancels every open order at the broker; tells people; if told to,
          enters the mode maintenance with the reason as its message, and closes every position,
          which waits for approval and is done last. Otherwise positions stay as they are
If red:   a step is not confirmed: look at the broker's open orders yourself, stop trade_executor,
          and run this again; it repeats only what is missing. Works with the database gone. Back:
          resume-trading, after `POST /api/v1/mode/exit` where the mode is maintenance
Covers:   EMG-02, EMG-03, EMG-14, GAP-18
"""

from typing import Any

from prefect import flow

from flows.desk import open_run
from flows.emergency.liquidate_positions import liquidate_positions
from tasks.incidents.crashes import check_last_words
from tasks.kernel import collect, confirmed, ended
from tasks.people.findings import notify_halt
from tasks.people.notices import notify_emergency
from tasks.trading.broker import ensure_orders_cancelled
from tasks.trading.core import ensure_maintenance_mode, ensure_trading_halted


@flow(name="trading-halt")
def trading_halt(
    reason: str,
    maintenance: bool = False,
    close_positions: bool = False,
    dry_run: bool = False,
    requested_by: str = "on-call",
) -> str:
    """Halt, cancel, tell, look. A step that fails never keeps the next from being tried.

    Args:
        reason: Why, as one sentence; it is written down and shown wherever trading is refused.
        maintenance: Enter the mode maintenance as well: then nobody can resume before it is left.
        close_positions: Close every position as well, when that is safe: see liquidate-positions.
        dry_run: Say what would be done, and do nothing.
        requested_by: Your name or role.
    """
    with open_run(
        "trading-halt", reason, dry_run=dry_run, requested_by=requested_by, break_glass=True
    ) as desk:
        settings, core, places = desk.settings, desk.core, desk.processes
        # Act.
        halted = ensure_trading_halted(settings, core, reason, return_state=True)
        cancelled = ensure_orders_cancelled(desk.broker, return_state=True)
        tried: dict[str, Any] = {"trading halted": halted, "open orders cancelled": cancelled}
        if maintenance:
            mode = ensure_maintenance_mode(settings, core, reason, places, return_state=True)
            tried["mode maintenance"] = mode
        steps = confirmed(tried)
        words = f"P0 trading halt: {reason}"
        notify_emergency(settings, desk.operations, words, return_state=True)

        # Look.
        logs = {
            "log of trade_executor": check_last_words.submit(places, "trade_executor"),
            "log of risk_manager": check_last_words.submit(places, "risk_manager"),
        }
        notify_halt(reason, steps, collect(logs))

        # Act.
        if close_positions:
            closed = liquidate_positions(
                reason, dry_run=dry_run, requested_by=requested_by, return_state=True
            )
            steps += ended({"positions closed": closed})
        steps.require_confirmed("look at the broker's open orders, then run trading-halt again")
        return f"halted: {reason}"
