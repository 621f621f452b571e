"""Lots: shares first bought are first sold, the way tax is reckoned, beside the average cost.

Both ways see the same cash, so they agree on realised plus unrealised profit at every price, and on
the realised part whenever nothing is open.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Decimal

from trading_core.domain.activities import Activity, ActivityKind
from trading_core.domain.fills import Fill
from trading_core.domain.money import MICRO_DOLLAR
from trading_core.domain.shares import Shares, shares, size


@dataclass(frozen=True, slots=True)
class Lot:
    """Shares opened by one fill, or what later fills left of them; negative when short.

    Attributes:
        cost_usd: What they cost; negative: what shorting them brought in. A split leaves it.
    """

    quantity: Shares
    cost_usd: Decimal

    def part(self, closed: Shares) -> "Lot":
        """Return a part of the lot, with its share of the cost to the micro-dollar."""
        if closed == self.quantity:
            return self
        cost_usd = (self.cost_usd * closed / self.quantity).quantize(MICRO_DOLLAR, ROUND_HALF_EVEN)
        return Lot(closed, cost_usd)


@dataclass(frozen=True, slots=True)
class Lots:
    """The open lots of one symbol, the oldest first, and what the closed ones earned in dollars.

    Fees are taken off what was earned, dividends are added.
    """

    symbol: str
    open: tuple[Lot, ...] = ()
    realized_pnl_usd: Decimal = Decimal(0)

    @property
    def quantity(self) -> Shares:
        """Shares held; negative when short."""
        return shares(sum(lot.quantity for lot in self.open))

    @property
    def cost_basis_usd(self) -> Decimal:
        """What the open shares cost."""
        return sum((lot.cost_usd for lot in self.open), Decimal(0))

    def unrealized_pnl_usd(self, price_usd: Decimal) -> Decimal:
        """Return the profit in dollars if every open share changed hands at `price_usd`."""
        return self.quantity * price_usd - self.cost_basis_usd

    def after(self, fill: Fill) -> "Lots":
        """Return the lots once `fill` has happened: the oldest are closed, the rest opens one."""
        left, earned_usd, open_lots = fill.signed_quantity, self.realized_pnl_usd, list(self.open)
        while open_lots and left * open_lots[0].quantity < 0:
            oldest = open_lots.pop(0)
            whole = size(left) >= size(oldest.quantity)
            closed = oldest.part(oldest.quantity if whole else -left)
            earned_usd += closed.quantity * fill.price_usd - closed.cost_usd
            left = shares(left + closed.quantity)
            if closed != oldest:
                kept = shares(oldest.quantity - closed.quantity)
                open_lots.insert(0, Lot(kept, oldest.cost_usd - closed.cost_usd))
        if left:
            open_lots.append(Lot(left, left * fill.price_usd))
        return Lots(self.symbol, tuple(open_lots), earned_usd)

    def after_activity(self, activity: Activity) -> "Lots":
        """Return the lots once `activity` has happened; see `Position.after_activity`."""
        profit_usd = activity.amount_usd if activity.kind is not ActivityKind.OTHER else Decimal(0)
        return Lots(
            self.symbol,
            self._split(activity.quantity) if activity.quantity else self.open,
            self.realized_pnl_usd + profit_usd,
        )

    def _split(self, gained: Shares) -> tuple[Lot, ...]:
        """Return the lots with their shares multiplied, so that together they gain so many."""
        before = Decimal(self.quantity)
        if not before:
            # Nobody here held what was split: what came of it cost nothing.
            return (*self.open, Lot(gained, Decimal(0)))
        *earlier, last = self.open
        ratio = (before + gained) / before
        grown = [Lot(shares(lot.quantity * ratio), lot.cost_usd) for lot in earlier]
        rest = before + gained - sum(Decimal(lot.quantity) for lot in grown)
        return (*grown, Lot(shares(rest), last.cost_usd))


def lots_of(events: Iterable[Fill | Activity]) -> dict[str, Lots]:
    """Return the lots of every symbol after what happened, in that order."""
    held: dict[str, Lots] = {}
    for event in events:
        before = held.get(event.symbol, Lots(event.symbol))
        held[event.symbol] = (
            before.after(event) if isinstance(event, Fill) else before.after_activity(event)
        )
    return held
