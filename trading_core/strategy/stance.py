"""From an opinion to orders: a stance is what a strategy wants to hold, a signal is the order
that gets it there from what it does hold.
"""

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import Protocol

from trading_core.domain.orders import OrderType, Side

# The two legs of a reversal. Fixed numbers, because they are part of the client order id: the
# same minute evaluated again must name the same leg the same way.
CLOSING_LEG = 1
OPENING_LEG = 2


class Stance(StrEnum):
    """What a strategy wants to hold of one symbol."""

    LONG = "long"
    FLAT = "flat"
    SHORT = "short"


class Rule(Protocol):
    """The logic of one strategy on one symbol: no clock, no position, no I/O."""

    def on_close(self, close_ticks: int) -> Stance | None:
        """Take in the closing price of the next minute.

        Returns:
            The new stance when this minute changed it; None when there is nothing new.
        """
        ...


@dataclass(frozen=True, slots=True)
class Signal:
    """One order a strategy asks for.

    Attributes:
        quantity: Whole shares, at least 1.
        sequence: `CLOSING_LEG` or `OPENING_LEG`; part of the client order id.
    """

    strategy: str
    symbol: str
    side: Side
    quantity: int
    sequence: int
    type: OrderType = OrderType.MARKET
    limit_price_usd: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Holding:
    """What one strategy holds of one symbol: shares, negative when short."""

    strategy: str
    symbol: str
    quantity: int


def signals_towards(
    stance: Stance, holding: Holding, *, size: int, may_open: bool
) -> tuple[Signal, ...]:
    """Return the orders that turn `holding` into `stance`, closing leg first.

    A reversal is two orders, so that each is judged by the risk gate at its own size.

    Args:
        size: Shares to hold when long or short; 0 allows closing only.
        may_open: Whether shares may be added; closing is always allowed.
    """
    target = {Stance.LONG: size, Stance.FLAT: 0, Stance.SHORT: -size}[stance]
    held = holding.quantity
    kept = _between_zero_and(target, held)
    legs = [(CLOSING_LEG, kept - held)]
    if may_open:
        legs.append((OPENING_LEG, target - kept))
    return tuple(
        Signal(
            holding.strategy,
            holding.symbol,
            Side.BUY if shares > 0 else Side.SELL,
            abs(shares),
            leg,
        )
        for leg, shares in legs
        if shares
    )


def _between_zero_and(target: int, held: int) -> int:
    """Return the part of `held` that the target keeps: same sign, no larger than either."""
    if target > 0:
        return min(max(held, 0), target)
    return max(min(held, 0), target)
