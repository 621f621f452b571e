"""Liquidate positions: trading is halted, every position is closed, and that is seen on both sides.

When:     limits severely broken, a market crash, a failure nobody can wait out; market hours only
Changes:  halts trading and cancels open orders at once; asks for approval of the orders it would
          send; sends them at the market, once more for what is not filled. Trading stays halted
If red:   nothing was sent: correct what the line names; market closed: telephone the broker.
          Positions left: look at their orders there, and run this again: it closes what is left.
          Operations database gone: `POST /api/v1/positions/liquidate` with a break_glass token
Covers:   EMG-04, TRD-12
"""

from prefect import flow

from flows.desk import Desk, open_run
from tasks.kernel import collect, granted, rehearse
from tasks.people.approvals import request_approval
from tasks.people.findings import notify_checklist, notify_left_at_broker
from tasks.trading.broker import check_broker_account, ensure_orders_cancelled
from tasks.trading.core import ensure_trading_halted
from tasks.trading.liquidation import (
    check_closing_cost,
    check_market_open,
    check_positions_booked,
    ensure_positions_closed,
    notify_result,
)


@flow(name="liquidate-positions")
def liquidate_positions(
    reason: str,
    max_loss_percent: float = 0.1,
    dry_run: bool = False,
    requested_by: str = "on-call",
) -> str:
    """Look, halt, ask, close, look again.

    Args:
        reason: Why, as one sentence.
        max_loss_percent: The share of what is sold that it may cost; 0.1 is a tenth.
        dry_run: Show the orders and what they would cost, and do nothing.
        requested_by: Your name or role.
    """
    with open_run(
        "liquidate-positions", "all positions", dry_run=dry_run, requested_by=requested_by
    ) as desk:
        settings, core, broker = desk.settings, desk.core, desk.broker
        # Look.
        asked = {
            "broker account": check_broker_account.submit(broker),
            "market": check_market_open.submit(broker),
            "our record": check_positions_booked.submit(core, broker),
            "cost": check_closing_cost.submit(core, max_loss_percent),
        }
        checklist = notify_checklist(collect(asked, advice=("our record",)))
        checklist.require_ready("nothing was sent or halted: correct what the red lines name")

        # Act.
        ensure_trading_halted(settings, core, reason)
        ensure_orders_cancelled(broker)
        plan = rehearse(_act, desk, max_loss_percent, reason)
        grant = request_approval(desk.approvals, plan, reason)
        with granted(grant):
            closed = _act(desk, max_loss_percent, reason)

        # Look.
        notify_result(core, broker)
        notify_left_at_broker(broker)
        return closed


def _act(desk: Desk, max_loss: float, reason: str) -> str:
    return ensure_positions_closed(desk.core, desk.broker, max_loss, reason).sentence
