"""Close one position, or a part of it: trading is halted, it is closed on both sides, others stay.

When:     one position is beyond its limit, or wrong, and is to be closed now; market hours only
Changes:  halts trading and cancels open orders at once, so that the position stands still; asks
          for approval of the order; sends it at the market, once more for what is not filled.
          Trading stays halted: resume-trading ends that
If red:   as liquidate-positions; run the whole again, or the part from Prefect's page of this run:
          it closes what is left of it. A new run takes its part of what is held then. Operations
          database gone: `POST /api/v1/positions/SYMBOL/close` with a break_glass token
Covers:   EMG-05
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
    check_position_part,
    check_positions_booked,
    ensure_positions_closed,
    notify_result,
)
from trading_core.domain.position_part import PositionPart


@flow(name="close-position")
def close_position(
    symbol: str,
    reason: str,
    amount: str = "all",
    max_loss_percent: float = 0.1,
    dry_run: bool = False,
    requested_by: str = "on-call",
) -> str:
    """Look, halt, ask, close, look again.

    Args:
        symbol: Which, as the exchange writes it.
        reason: Why, as one sentence.
        amount: How much of it: all, a number of shares as "3", or a percentage as "50%".
        max_loss_percent: The share of what is sold that it may cost; 0.1 is a tenth.
        dry_run: Show the order and what it would cost, and do nothing.
        requested_by: Your name or role.
    """
    with open_run("close-position", symbol, dry_run=dry_run, requested_by=requested_by) as desk:
        settings, core, broker = desk.settings, desk.core, desk.broker
        part = PositionPart(symbol, amount)
        # Look.
        asked = {
            "broker account": check_broker_account.submit(broker),
            "market": check_market_open.submit(broker),
            "our record": check_positions_booked.submit(core, broker),
            "part": check_position_part.submit(broker, part),
            "cost": check_closing_cost.submit(core, max_loss_percent, part),
        }
        checklist = notify_checklist(collect(asked, {"cost": ("part",)}, advice=("our record",)))
        checklist.require_ready("nothing was sent or halted: correct what the red lines name")

        # Act.
        ensure_trading_halted(settings, core, reason)
        ensure_orders_cancelled(broker)
        plan = rehearse(_act, desk, part, max_loss_percent, reason)
        grant = request_approval(desk.approvals, plan, reason)
        with granted(grant):
            closed = _act(desk, part, max_loss_percent, reason)

        # Look.
        notify_result(core, broker)
        notify_left_at_broker(broker)
        return closed


def _act(desk: Desk, part: PositionPart, max_loss: float, reason: str) -> str:
    return ensure_positions_closed(desk.core, desk.broker, max_loss, reason, part).sentence
