"""A position, and the arithmetic of average cost."""

from dataclasses import dataclass, replace
from decimal import ROUND_HALF_EVEN, Decimal

from trading_core.domain.activities import Activity, ActivityKind
from trading_core.domain.fills import Fill
from trading_core.domain.money import MICRO_DOLLAR
from trading_core.domain.shares import Shares, shares, size


@dataclass(frozen=True, slots=True)
class Position:
    """Shares held of one symbol, and what they cost.

    Attributes:
        quantity: Shares; negative when short.
        cost_basis_usd: What the open shares cost (negative: what shorting them brought in).
        realized_pnl_usd: Profit of the shares already closed, fees taken off and dividends added.
            Exact once the position is flat; rounded to the micro-dollar while a closed part shares
            its cost with an open one.
    """

    symbol: str
    quantity: Shares = 0
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

    def after(self, fill: Fill) -> "Position":
        """Return the position once `fill` has happened."""
        quantity, cost_usd, realized_usd = traded(
            self.quantity, self.cost_basis_usd, fill.signed_quantity, fill.price_usd
        )
        return replace(
            self,
            quantity=shares(quantity),
            cost_basis_usd=cost_usd,
            realized_pnl_usd=self.realized_pnl_usd + realized_usd,
        )

    def after_activity(self, activity: Activity) -> "Position":
        """Return the position once `activity` has happened: shares and profit change, cost stays.

        Money that is no profit changes nothing here.
        """
        profit_usd = activity.amount_usd if activity.kind is not ActivityKind.OTHER else Decimal(0)
        return replace(
            self,
            quantity=shares(self.quantity + activity.quantity),
            realized_pnl_usd=self.realized_pnl_usd + profit_usd,
        )


def traded(
    quantity: Shares, cost_usd: Decimal, signed: Shares, price_usd: Decimal
) -> tuple[Shares, Decimal, Decimal]:
    """Return quantity, cost and profit made once `signed` shares were traded, at average cost.

    Args:
        quantity: Shares held, negative when short, that cost `cost_usd`.
        signed: Shares gained, or given when negative.
    """
    if quantity * signed >= 0:
        return quantity + signed, cost_usd + signed * price_usd, Decimal(0)
    closing = signed if size(signed) <= size(quantity) else -quantity
    share_usd = (cost_usd * -closing / quantity).quantize(MICRO_DOLLAR, ROUND_HALF_EVEN)
    closed_usd = cost_usd if closing == -quantity else share_usd
    opening = signed - closing
    left_usd = cost_usd - closed_usd + opening * price_usd
    return quantity + signed, left_usd, -closing * price_usd - closed_usd
