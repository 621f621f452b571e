"""One execution: shares that changed hands at a price."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from trading_core.domain.orders import Side
from trading_core.domain.shares import Shares, shares


@dataclass(frozen=True, slots=True)
class Fill:
    """An execution against one of our orders.

    Attributes:
        execution_id: The exchange's; a fill seen twice has the same one and counts once.
        quantity: Shares; whole ones are an `int`, whatever they are given as.
        price_usd: Dollars per share.
        executed_at: Market time.
    """

    execution_id: str
    client_order_id: str
    symbol: str
    side: Side
    quantity: Shares
    price_usd: Decimal
    executed_at: datetime

    def __post_init__(self) -> None:
        # Whoever reads it from a database has a decimal.
        object.__setattr__(self, "quantity", shares(self.quantity))

    @property
    def signed_quantity(self) -> Shares:
        """Shares gained (positive) or given (negative)."""
        return self.quantity if self.side is Side.BUY else -self.quantity

    @property
    def cash_usd(self) -> Decimal:
        """Dollars gained (positive) or paid (negative), before fees."""
        return -self.signed_quantity * self.price_usd
