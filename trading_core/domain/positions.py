"""A position, and the arithmetic of average cost."""

from dataclasses import dataclass, replace
from decimal import ROUND_HALF_EVEN, Decimal

from trading_core.domain.fills import Fill
from trading_core.domain.money import MICRO_DOLLAR


@dataclass(frozen=True, slots=True)
class Position:
    """Shares held of one symbol, and what they cost.

    Attributes:
        quantity: Shares; negative when short.
        cost_basis_usd: What the open shares cost (negative: what shorting them brought in).
        realized_pnl_usd: Profit of the shares already closed. Exact once the position is flat;
            rounded to the micro-dollar while a closed part shares its cost with an open one.
    """

    symbol: str
    quantity: int = 0
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
        signed = fill.signed_quantity
        if self.quantity * signed >= 0:
            return replace(
                self,
                quantity=self.quantity + signed,
                cost_basis_usd=self.cost_basis_usd + signed * fill.price_usd,
            )
        closing = min(abs(signed), abs(self.quantity)) * (1 if signed > 0 else -1)
        closed = self._after_closing(closing, fill.price_usd)
        return closed._after_opening(signed - closing, fill.price_usd)  # noqa: SLF001 - one class

    def _after_closing(self, signed: int, price_usd: Decimal) -> "Position":
        share = (self.cost_basis_usd * -signed / self.quantity).quantize(
            MICRO_DOLLAR, ROUND_HALF_EVEN
        )
        cost = self.cost_basis_usd if signed == -self.quantity else share
        return replace(
            self,
            quantity=self.quantity + signed,
            cost_basis_usd=self.cost_basis_usd - cost,
            realized_pnl_usd=self.realized_pnl_usd - signed * price_usd - cost,
        )

    def _after_opening(self, signed: int, price_usd: Decimal) -> "Position":
        return replace(
            self,
            quantity=self.quantity + signed,
            cost_basis_usd=self.cost_basis_usd + signed * price_usd,
        )
