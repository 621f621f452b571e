"""What a strategy asks for, and what became of it."""

import re
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Literal

from trading_core.clock import EXCHANGE_ZONE
from trading_core.domain.orders import OrderRequest, OrderStatus, OrderType, Side
from trading_core.ledger.session import Session

# Who gives orders by hand, and who only tries whether one can be given.
MANUAL, TRIAL = "manual", "trial"
BY_HAND = frozenset({MANUAL, TRIAL})

_ORDER_ID = re.compile(r"\d{8}-\d{4}-([a-z0-9_]{1,40})-[A-Z0-9.]{1,12}-\d+")


@dataclass(frozen=True, slots=True)
class Signal:
    """One order a strategy wants. `sequence` tells apart those of one minute and symbol."""

    strategy: str
    symbol: str
    side: Side
    quantity: int
    type: OrderType
    limit_price_usd: Decimal | None
    sequence: int

    def order_id(self, session: Session, now: datetime) -> str:
        """Return the client order id, derived from the signal: told twice, it is one order."""
        minute = now.astimezone(EXCHANGE_ZONE)
        return (
            f"{session.account}-{minute:%Y%m%d-%H%M}-{self.strategy}-{self.symbol}-{self.sequence}"
        )

    def request(self, session: Session, now: datetime) -> OrderRequest:
        """Return the order.

        Raises:
            ValueError: Quantity or limit price do not make one.
        """
        return OrderRequest(
            client_order_id=self.order_id(session, now),
            symbol=self.symbol,
            side=self.side,
            quantity=self.quantity,
            type=self.type,
            limit_price_usd=self.limit_price_usd,
        )


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a signal.

    Attributes:
        outcome: sent: it is at the exchange now. refused: it is not, and `reason` says why.
            known: it was dealt with before.
        reason: A code: of the switch, of the gate, or EXCHANGE_ and the exchange's number.
    """

    client_order_id: str
    outcome: Literal["sent", "refused", "known"]
    status: OrderStatus | None
    reason: str = ""
    exchange_order_id: str | None = None


def strategy_of(client_order_id: str, session: Session) -> str | None:
    """Return the strategy whose signal an order id was derived from; None: it is not one of ours.

    So an order that our records have lost, because they were restored, still finds its strategy.
    """
    match = _ORDER_ID.fullmatch(client_order_id.removeprefix(f"{session.account}-"))
    return None if match is None else match[1]
