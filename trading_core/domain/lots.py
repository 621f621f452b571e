"""Lots: shares first bought are first sold, the way tax is reckoned, beside the average cost.

Both ways see the same cash, so they agree on realised plus unrealised profit at every price, and on
the realised part whenever nothing is open.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from decimal import Decimal

from trading_core.domain.fills import Fill


@dataclass(frozen=True, slots=True)
class Lot:
    """Shares opened by one fill, or what later fills left of them; negative when short."""

    quantity: int
    price_usd: Decimal


@dataclass(frozen=True, slots=True)
class Lots:
    """The open lots of one symbol, the oldest first, and what the closed ones earned in dollars."""

    symbol: str
    open: tuple[Lot, ...] = ()
    realized_pnl_usd: Decimal = Decimal(0)

    @property
    def quantity(self) -> int:
        """Shares held; negative when short."""
        return sum(lot.quantity for lot in self.open)

    def unrealized_pnl_usd(self, price_usd: Decimal) -> Decimal:
        """Return the profit in dollars if every open share changed hands at `price_usd`."""
        gains = (lot.quantity * (price_usd - lot.price_usd) for lot in self.open)
        return sum(gains, Decimal(0))

    def after(self, fill: Fill) -> "Lots":
        """Return the lots once `fill` has happened: the oldest are closed, the rest opens one."""
        left, earned_usd, open_lots = fill.signed_quantity, self.realized_pnl_usd, list(self.open)
        while open_lots and left * open_lots[0].quantity < 0:
            oldest = open_lots.pop(0)
            closed = min(abs(left), abs(oldest.quantity)) * (1 if left > 0 else -1)
            earned_usd += closed * (oldest.price_usd - fill.price_usd)
            left -= closed
            if oldest.quantity + closed:
                open_lots.insert(0, replace(oldest, quantity=oldest.quantity + closed))
        if left:
            open_lots.append(Lot(left, fill.price_usd))
        return Lots(self.symbol, tuple(open_lots), earned_usd)


def lots_of(fills: Iterable[Fill]) -> dict[str, Lots]:
    """Return the lots of every symbol after fills in the order they were executed."""
    held: dict[str, Lots] = {}
    for fill in fills:
        held[fill.symbol] = held.get(fill.symbol, Lots(fill.symbol)).after(fill)
    return held
