"""What an account keeps of its history, and what it does not: bounded, however long it lives.

A broker answers for ever; a process cannot. What is forgotten here stands in the trading database,
order by order and fill by fill, and cash, positions and numbers go on as if it were remembered.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from trading_core.paper.orders.order import Execution, PaperOrder


@dataclass(frozen=True, slots=True)
class Forgotten:
    """How much is not kept any more: orders and executions, and the fees of these, in ticks."""

    orders: int = 0
    executions: int = 0
    fee_ticks: int = 0


def kept_since(
    orders: Sequence[PaperOrder], executions: Sequence[Execution], moment: datetime
) -> tuple[list[PaperOrder], list[Execution]]:
    """Return the orders that something happened to from a moment on, and their executions.

    An open order is kept however old it is, and an order whose legs, or whose entry, are kept:
    what depends on each other is told together.
    """
    groups = {
        order.parent_id or order.id
        for order in orders
        if order.is_open or order.updated_at >= moment
    }
    kept = [order for order in orders if (order.parent_id or order.id) in groups]
    ids = {order.id for order in kept}
    return kept, [execution for execution in executions if execution.order_id in ids]


def more_forgotten(
    before: Forgotten, orders: int, executions: Sequence[Execution], kept: Sequence[Execution]
) -> Forgotten:
    """Return what is forgotten in all, once so many orders and all executions but `kept` are."""
    fee_ticks = sum(one.fee_ticks for one in executions) - sum(one.fee_ticks for one in kept)
    return Forgotten(
        before.orders + orders,
        before.executions + len(executions) - len(kept),
        before.fee_ticks + fee_ticks,
    )
