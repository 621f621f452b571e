"""What the market shows: bars of trades, quotes, and whether a symbol trades."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal


@dataclass(frozen=True, slots=True)
class Bar:
    """One minute of trades. `started_at` is the minute's first instant; prices in dollars."""

    symbol: str
    started_at: datetime
    open_usd: Decimal
    high_usd: Decimal
    low_usd: Decimal
    close_usd: Decimal
    volume: int


@dataclass(frozen=True, slots=True)
class Quote:
    """The best bid and ask at one instant; prices in dollars, sizes in shares."""

    symbol: str
    at: datetime
    bid_usd: Decimal
    bid_size: int
    ask_usd: Decimal
    ask_size: int

    @property
    def mid_usd(self) -> Decimal:
        """Halfway between bid and ask."""
        return (self.bid_usd + self.ask_usd) / 2


@dataclass(frozen=True, slots=True)
class Halt:
    """A symbol is halted from an instant on, or trades again.

    Attributes:
        reason: In the market's words; empty when it gives none.
    """

    symbol: str
    at: datetime
    halted: bool
    reason: str = ""
