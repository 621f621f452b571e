"""An order and its executions as the exchange keeps them."""

import uuid
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from trading_core.domain.money import TICKS_PER_DOLLAR, to_ticks
from trading_core.domain.orders import Side
from trading_core.paper.orders.terms import OrderTerms
from trading_core.paper.orders.words import STOPS, OrderKind, Role, Status

# Everything the exchange names is derived from this, so the same day gets the same names.
_NAMESPACE = uuid.UUID("6f1c6f0e-8a0c-5d0b-9c55-3c1f1f5a7d21")


def derived_id(*parts: object) -> str:
    """Return the id of whatever `parts` describe: equal parts, equal id."""
    return str(uuid.uuid5(_NAMESPACE, "/".join(map(str, parts))))


@dataclass(slots=True)
class PaperOrder:
    """An order at the exchange. Only the exchange changes it.

    Attributes:
        sequence: Counts the account's orders from 1.
        quantity: Shares it is for now; None while only its notional is known.
        filled_value_ticks: Sum of price in ticks times shares.
        ended_at: When it became final.
        triggered_at: When its stop was reached.
        stop_ticks: The stop price now; a trailing stop moves it.
        high_water_ticks: The best price a trailing stop has seen.
        parent_id: The order of its group that was sent; None for that one itself.
        replaces: The order this one took the place of; `replaced_by` is the other way round.
    """

    sequence: int
    id: str
    request: OrderTerms
    submitted_at: datetime
    updated_at: datetime
    status: Status = Status.NEW
    quantity: Decimal | None = None
    filled_quantity: Decimal = Decimal(0)
    filled_value_ticks: Decimal = Decimal(0)
    ended_at: datetime | None = None
    triggered_at: datetime | None = None
    stop_ticks: int | None = None
    high_water_ticks: int | None = None
    parent_id: str | None = None
    role: Role | None = None
    replaces: str | None = None
    replaced_by: str | None = None

    def __post_init__(self) -> None:
        if self.quantity is None:
            self.quantity = self.request.quantity
        if self.stop_ticks is None and self.request.stop_price_usd is not None:
            self.stop_ticks = to_ticks(self.request.stop_price_usd)

    @property
    def is_open(self) -> bool:
        """Whether something can still happen to it."""
        return not self.status.is_final

    @property
    def is_live(self) -> bool:
        """Whether it may trade: open, and not waiting for another order."""
        return self.is_open and self.status is not Status.HELD

    @property
    def waits_for_stop(self) -> bool:
        """Whether the market has still to reach its stop."""
        return self.request.type in STOPS and self.triggered_at is None

    @property
    def remaining(self) -> Decimal:
        """Shares not filled; 0 while only its notional is known."""
        return Decimal(0) if self.quantity is None else self.quantity - self.filled_quantity

    @property
    def limit_ticks(self) -> int | None:
        """The limit in ticks; None for an order at any price."""
        limit = self.request.limit_price_usd
        return None if limit is None else to_ticks(limit)

    @property
    def takes_any_price(self) -> bool:
        """Whether it is a market order, or a stop that becomes one."""
        return self.request.type not in (OrderKind.LIMIT, OrderKind.STOP_LIMIT)

    @property
    def filled_average_usd(self) -> Decimal | None:
        """Average price of the filled shares in dollars; None before the first."""
        if self.filled_quantity == 0:
            return None
        average = self.filled_value_ticks / (self.filled_quantity * TICKS_PER_DOLLAR)
        return average.quantize(Decimal("0.000001")).normalize() + Decimal("0.00")

    def fill(self, quantity: Decimal, price_ticks: int, at: datetime) -> None:
        """Take `quantity` shares at `price_ticks` into the order."""
        self.filled_quantity += quantity
        self.filled_value_ticks += quantity * price_ticks
        self.updated_at = at
        if self.remaining == 0:
            self.end(Status.FILLED, at)
        else:
            self.status = Status.PARTIALLY_FILLED

    def end(self, status: Status, at: datetime) -> None:
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
        fee_ticks: What it cost beside the price.
    """

    sequence: int
    id: str
    order_id: str
    symbol: str
    side: Side
    quantity: Decimal
    price_ticks: int
    at: datetime
    cumulative: Decimal
    leaves: Decimal
    position_quantity: Decimal
    fee_ticks: int = 0
