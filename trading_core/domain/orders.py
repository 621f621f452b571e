"""Orders as the whole system speaks of them. The words are Alpaca's."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from trading_core.domain.shares import Shares


class Side(StrEnum):
    """Which way an order goes."""

    BUY = "buy"
    SELL = "sell"


class OrderType(StrEnum):
    """How an order is priced."""

    MARKET = "market"
    LIMIT = "limit"


class TimeInForce(StrEnum):
    """How long an order may rest."""

    DAY = "day"
    GTC = "gtc"


class OrderStatus(StrEnum):
    """Where an order stands. `INTENDED` is ours: written down, not yet known to the exchange."""

    INTENDED = "intended"
    NEW = "new"
    PARTIALLY_FILLED = "partially_filled"
    FILLED = "filled"
    CANCELED = "canceled"
    EXPIRED = "expired"
    REJECTED = "rejected"

    @property
    def is_final(self) -> bool:
        """Whether nothing can happen to the order any more."""
        return self in _FINAL


_FINAL = frozenset(
    {
        OrderStatus.FILLED,
        OrderStatus.CANCELED,
        OrderStatus.EXPIRED,
        OrderStatus.REJECTED,
    }
)


@dataclass(frozen=True, slots=True)
class OrderRequest:
    """What a strategy or a person wants done.

    Attributes:
        client_order_id: Ours, derived from the signal, never reused.
        quantity: Whole shares, at least 1, of an order of ours; one by hand may be for less.
        limit_price_usd: Required for a limit order, absent for a market order.
    """

    client_order_id: str
    symbol: str
    side: Side
    quantity: Shares
    type: OrderType = OrderType.MARKET
    limit_price_usd: Decimal | None = None
    time_in_force: TimeInForce = TimeInForce.DAY

    def __post_init__(self) -> None:
        if self.quantity <= 0:
            raise ValueError(f"quantity: expected more than 0 shares, was {self.quantity}")
        if (self.type is OrderType.LIMIT) != (self.limit_price_usd is not None):
            raise ValueError(
                f"limit_price_usd: expected exactly for limit orders, was {self.limit_price_usd} "
                f"on a {self.type} order"
            )


@dataclass(frozen=True, slots=True)
class Order:
    """An order and where it stands, in the exchange's words or in ours."""

    request: OrderRequest
    status: OrderStatus
    exchange_order_id: str | None
    filled_quantity: Shares
    filled_average_price_usd: Decimal | None
    submitted_at: datetime
    strategy: str = ""
    reason: str = ""

    @property
    def remaining_quantity(self) -> Shares:
        """Shares still to be filled, were the order to live."""
        return self.request.quantity - self.filled_quantity
