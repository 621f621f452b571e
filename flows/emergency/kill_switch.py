"""Kill switch: nothing can be sent any more, nothing is open, and what could not be seen is said.

When:     runaway trading, a breach, a critical failure. Needs no approval, no database and no
          Prefect server. Faster and halt only: `tradeops halt --reason ...`
Changes:  opens the breaker and halts the core, here or on its host; cancels every open order at the
          broker; last, and only when told to, stops every service of the core. Positions stay
If red:   a line is not confirmed. UNKNOWN about the executor: it may still trade; take its broker
          key away (the broker's own page, or rotate-broker-key), cut its host off, and run this
          again: it does what is missing. Trading comes back through resume-trading only
Covers:   EMG-01, EMG-14, GAP-18
"""

from typing import Any

from prefect import flow

from flows.desk import open_run
from tasks.kernel import collect, confirmed
from tasks.people.findings import notify_left_at_broker
from tasks.services.hosts import check_executor_silent, ensure_halt_waits
from tasks.services.processes import ensure_service_cut_off
from tasks.trading.broker import check_no_open_orders, ensure_orders_cancelled
from tasks.trading.core import ensure_breaker_open, ensure_trading_halted
from tasks.trading.kill_report import notify_killed
from trading_core.services import Group, in_group


@flow(name="kill-switch")
def kill_switch(
    reason: str,
    stop_services: bool = False,
    dry_run: bool = False,
    requested_by: str = "on-call",
) -> str:
    """Halt, trip, cancel, look again; a step that fails never keeps the next from being tried.

    Args:
        reason: Why, as one sentence; it is written down and shown wherever trading is refused.
        stop_services: Stop the services as well, last: then nobody watches the positions.
        dry_run: Say what would be done, and do nothing.
        requested_by: Your name or role.
    """
    with open_run(
        "kill-switch", reason, dry_run=dry_run, requested_by=requested_by, break_glass=True
    ) as desk:
        settings, core, broker, places = desk.settings, desk.core, desk.broker, desk.processes
        # Act.
        tripped = ensure_breaker_open(settings, core, reason, places, return_state=True)
        halted = ensure_trading_halted(settings, core, reason, places, return_state=True)
        cancelled = ensure_orders_cancelled(broker, return_state=True)
        brought = ensure_halt_waits(places, return_state=True)

        # Look.
        looked = {
            "executor silent": check_executor_silent.submit(core, broker, places),
            "no open order": check_no_open_orders.submit(broker),
        }
        seen = collect(looked)

        # Act.
        stopped = {
            f"{row.name} stopped": ensure_service_cut_off(places, row.name, return_state=True)
            for row in reversed(in_group(Group.CORE) if stop_services else ())
        }

        # Look.
        steps: dict[str, Any] = {"breaker open": tripped, "trading halted": halted}
        steps |= {"orders cancelled": cancelled, "halt brought": brought}
        report = notify_killed(reason, seen, confirmed(steps), confirmed(stopped))
        notify_left_at_broker(broker, return_state=True)
        if not dry_run:
            report.require_confirmed("look at what is not confirmed, then run kill-switch again")
        return f"nothing can be sent: {reason}"
