"""What an account holds of one symbol, parts of a share included."""

from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Decimal

from trading_core.domain.money import MICRO_DOLLAR
from trading_core.domain.positions import traded


@dataclass(frozen=True, slots=True)
class Holding:
    """Shares of one symbol and what they cost.

    Attributes:
        quantity: Shares; negative when short.
        cost_basis_usd: What the open shares cost; negative: what shorting them brought in.
        realized_pnl_usd: Profit of the shares already closed, fees left out.
    """

    symbol: str
    quantity: Decimal = Decimal(0)
    cost_basis_usd: Decimal = Decimal(0)
    realized_pnl_usd: Decimal = Decimal(0)

    @property
    def entry_price_usd(self) -> Decimal:
        """Average cost of one open share in dollars; 0 when flat."""
        if self.quantity == 0:
            return Decimal(0)
        return (self.cost_basis_usd / self.quantity).quantize(MICRO_DOLLAR, ROUND_HALF_EVEN)

    def unrealized_pnl_usd(self, price_usd: Decimal) -> Decimal:
        """Return the profit in dollars if every open share changed hands at `price_usd`."""
        return self.quantity * price_usd - self.cost_basis_usd

    def after(self, signed: Decimal, price_usd: Decimal) -> "Holding":
        """Return the holding once `signed` shares changed hands at a price."""
        quantity, cost_usd, realized_usd = traded(
            self.quantity, self.cost_basis_usd, signed, price_usd
        )
        realized_usd += self.realized_pnl_usd
        return Holding(self.symbol, Decimal(quantity), cost_usd, realized_usd)

    def split(self, ratio: Decimal) -> "Holding":
        """Return the holding after each share became `ratio` shares."""
        return Holding(
            self.symbol, self.quantity * ratio, self.cost_basis_usd, self.realized_pnl_usd
        )
