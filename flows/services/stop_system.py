"""Stop the system: trading first, then every service of the core, nothing cut off in mid-order.

When:     before maintenance; with open positions only when other people approved carrying them
Changes:  asks for approval; then pauses the session, halts trading, cancels open orders, stops the
          services of the core. Never the infrastructure, never positions
If red:   an order is still in flight: look at it at the broker before anything else. Otherwise
          read the log of the service it names and run this again
Covers:   SVC-06, GAP-19
Partly:   SVC-05
"""

from typing import Literal

from prefect import flow

from flows.desk import Desk, open_run
from tasks.kernel import collect, granted, rehearse
from tasks.people.approvals import request_approval
from tasks.people.findings import notify_left_at_broker
from tasks.services.processes import ensure_service_stopped
from tasks.trading.broker import check_orders_settled, ensure_orders_cancelled
from tasks.trading.core import ensure_session_paused, ensure_trading_halted
from trading_core.services import Group, in_group


@flow(name="stop-system")
def stop_system(
    reason: str,
    positions: Literal["carry"] = "carry",
    dry_run: bool = False,
    requested_by: str = "on-call",
) -> str:
    """Ask, pause, halt, wait for what is in flight, then stop one service after the other.

    Args:
        reason: Why the system stops, as one sentence.
        positions: What becomes of open positions: they are carried, which is approved as well.
        dry_run: Say what would be stopped, and stop nothing.
        requested_by: Your name or role.
    """
    with open_run("stop-system", "core", dry_run=dry_run, requested_by=requested_by) as desk:
        # Look.
        plan = rehearse(_act, desk)
        grant = request_approval(desk.approvals, plan, f"{reason} ({positions} positions)")

        # Act.
        ensure_session_paused(desk.core, desk.processes, reason)
        ensure_trading_halted(desk.settings, desk.core, reason)
        ensure_orders_cancelled(desk.broker)

        # Look.
        settled = collect({"orders settled": check_orders_settled.submit(desk.broker)})
        settled.require_ready("look at the orders in flight at the broker; nothing was stopped")
        notify_left_at_broker(desk.broker)

        # Act.
        with granted(grant):
            _act(desk)
        return "the core is stopped; start it with start-system"


def _act(desk: Desk) -> None:
    for row in reversed(in_group(Group.CORE)):
        ensure_service_stopped(desk.processes, row.name)
