"""Orders and executions as the exchange keeps them, and the reasons it has for saying no."""

import uuid
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from trading_core.domain.money import TICKS_PER_DOLLAR, to_ticks
from trading_core.domain.orders import OrderRequest, OrderStatus, Side

# Everything the exchange names is derived from this, so the same day gets the same names.
_NAMESPACE = uuid.UUID("6f1c6f0e-8a0c-5d0b-9c55-3c1f1f5a7d21")


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a request is not carried out; nothing has changed.

    Attributes:
        status: The HTTP status that says it.
        code: Alpaca's number for it.
    """

    status: int
    code: int
    message: str


def duplicate() -> Refusal:
    """Refuse an order whose client order id is taken."""
    return Refusal(422, 40010001, "client_order_id must be unique")


def forbidden(message: str) -> Refusal:
    """Refuse what the account may not do."""
    return Refusal(403, 40310000, message)


def not_found(what: str) -> Refusal:
    """Refuse what names something that is not there."""
    return Refusal(404, 40410000, f"{what} not found")


def unprocessable(message: str) -> Refusal:
    """Refuse what makes no sense."""
    return Refusal(422, 42210000, message)


def derived_id(*parts: object) -> str:
    """Return the id of whatever `parts` describe: equal parts, equal id."""
    return str(uuid.uuid5(_NAMESPACE, "/".join(map(str, parts))))


@dataclass(slots=True)
class PaperOrder:
    """An order at the exchange. Only the exchange changes it.

    Attributes:
        sequence: Counts the account's orders from 1.
        filled_value_ticks: Sum of price in ticks times shares.
        ended_at: When it became final.
    """

    sequence: int
    id: str
    request: OrderRequest
    submitted_at: datetime
    updated_at: datetime
    status: OrderStatus = OrderStatus.NEW
    filled_quantity: int = 0
    filled_value_ticks: int = 0
    ended_at: datetime | None = None

    @property
    def is_open(self) -> bool:
        """Whether something can still happen to it."""
        return not self.status.is_final

    @property
    def remaining(self) -> int:
        """Shares not filled."""
        return self.request.quantity - self.filled_quantity

    @property
    def limit_ticks(self) -> int | None:
        """The limit in ticks; None for a market order."""
        limit = self.request.limit_price_usd
        return None if limit is None else to_ticks(limit)

    @property
    def filled_average_usd(self) -> Decimal | None:
        """Average price of the filled shares in dollars; None before the first."""
        if self.filled_quantity == 0:
            return None
        average = Decimal(self.filled_value_ticks) / (self.filled_quantity * TICKS_PER_DOLLAR)
        return average.quantize(Decimal("0.000001")).normalize() + Decimal("0.00")

    def fill(self, quantity: int, price_ticks: int, at: datetime) -> None:
        """Take `quantity` shares at `price_ticks` into the order."""
        self.filled_quantity += quantity
        self.filled_value_ticks += quantity * price_ticks
        self.updated_at = at
        if self.remaining == 0:
            self.end(OrderStatus.FILLED, at)
        else:
            self.status = OrderStatus.PARTIALLY_FILLED

    def end(self, status: OrderStatus, at: datetime) -> None:
        """Make the order final."""
        self.status = status
        self.updated_at = at
        self.ended_at = at


@dataclass(frozen=True, slots=True)
class Execution:
    """Shares of one order that changed hands.

    Attributes:
        sequence: Counts the account's executions from 1.
        cumulative: Shares of the order filled by now, this execution included.
        position_quantity: Shares of the symbol held after it.
    """

    sequence: int
    id: str
    order_id: str
    symbol: str
    side: Side
    quantity: int
    price_ticks: int
    at: datetime
    cumulative: int
    leaves: int
    position_quantity: int
