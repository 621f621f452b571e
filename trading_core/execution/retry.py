"""An order that failed on its way and is wanted still: the same order, the same id, once more.

It failed when the exchange did not answer and turned out not to have it. Under its id it can be
there once only: the order path asks the exchange before anything leaves.
"""

from dataclasses import dataclass
from datetime import datetime

from psycopg import Connection

from trading_core.domain.orders import Order, OrderStatus
from trading_core.errors import CheckFailed
from trading_core.execution.executions import NEVER_SENT
from trading_core.execution.signals import Signal
from trading_core.ledger.session import Session
from trading_core.storage.connect import Database
from trading_core.storage.trading import orders, risk
from trading_core.storage.trading.risk import RiskEvent

_RETRIED = "order_retried"


@dataclass(frozen=True, slots=True)
class Wish:
    """Somebody wants an order that failed.

    Attributes:
        attempt: What tells this wish from another one; the same when it is only repeated.
    """

    client_order_id: str
    reason: str
    actor: str
    attempt: int


def reopened(database: Database, session: Session, wish: Wish) -> tuple[datetime, Signal]:
    """Make a failed order an intent again, once; return its signal and when it was given.

    A wish repeated finds what it did before, and changes nothing.

    Raises:
        CheckFailed: It is no order of this session, has not failed on its way, or was retried.
        Unreachable: The database does not answer.
    """
    order_id = wish.client_order_id
    with database.transaction() as connection:
        orders.lock(connection, [order_id])
        order = orders.find(connection, order_id)
        if order is None:
            raise _refused(order_id, "one of our records", "none")
        signal = _signal(order)
        if signal is None or signal.order_id(session, order.submitted_at) != order_id:
            raise _refused(order_id, f"one that was signalled in {session}", "another")
        facts = {"client_order_id": order_id}
        mine = {**facts, "attempt": wish.attempt}
        if not risk.is_recorded(connection, session.account, _RETRIED, mine):
            if risk.is_recorded(connection, session.account, _RETRIED, facts):
                raise _refused(order_id, "one that was not retried before", "one that was")
            _reopen(connection, order)
            risk.append(connection, _event(session, order, wish, mine))
    return order.submitted_at, signal


def _reopen(connection: Connection, order: Order) -> None:
    order_id = order.request.client_order_id
    cut_off = order.status is OrderStatus.INTENDED
    if not cut_off and not orders.reopen(connection, order_id, refused_as=NEVER_SENT):
        found = " ".join((order.status.value, order.reason)).strip()
        raise _refused(order_id, "one that failed on its way to the exchange", found)


def _signal(order: Order) -> Signal | None:
    request = order.request
    number = request.client_order_id.rpartition("-")[2]
    if not order.strategy or not number.isascii() or not number.isdigit():
        return None
    return Signal(
        order.strategy,
        request.symbol,
        request.side,
        int(request.quantity),
        request.type,
        request.limit_price_usd,
        int(number),
    )


def _event(session: Session, order: Order, wish: Wish, facts: dict[str, object]) -> RiskEvent:
    message = f"{wish.client_order_id} is sent once more: {wish.reason}"
    return RiskEvent(
        session.account,
        _RETRIED,
        "warning",
        message,
        {**facts, "actor": wish.actor},
        order.submitted_at,
    )


def _refused(order_id: str, expected: str, found: str) -> CheckFailed:
    return CheckFailed(
        f"order {order_id}: expected {expected}, was {found}; nothing was sent",
        next_step=f"GET /api/v1/orders/{order_id} says what became of it; or give a new order",
    )
