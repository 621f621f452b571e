"""Round trips: what was traded from flat to flat, by strategy and symbol.

A round trip begins with the first share of a position and ends when nothing of it is open. A fill
that turns a long position into a short one ends one trip and begins the next, its shares divided
between the two. Its profit is the money that changed hands, exact to the last digit.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal

from trading_core.domain.fills import Fill
from trading_core.domain.orders import Side
from trading_core.domain.shares import Shares


@dataclass(frozen=True, slots=True)
class RoundTrip:
    """One trade from flat to flat, or what is open of it.

    Attributes:
        side: BUY when it began long, SELL when it began short.
        opened_at: Market time of the first fill; `closed_at` of the last, None while open.
        entered_quantity: Shares that built it up; `exited_quantity` that brought it down.
        entered_usd: Dollars those shares changed hands for, never negative; `exited_usd` too.
        fill_count: Fills in it; one that ends it and begins another counts in both.
    """

    strategy: str
    symbol: str
    side: Side
    opened_at: datetime
    closed_at: datetime | None
    entered_quantity: Shares
    exited_quantity: Shares
    entered_usd: Decimal
    exited_usd: Decimal
    fill_count: int

    @property
    def pnl_usd(self) -> Decimal:
        """Dollars earned; of one that is open, what its closed shares earned at average cost."""
        cost_usd = self.entered_usd * self.exited_quantity / self.entered_quantity
        gained_usd = self.exited_usd - cost_usd
        return gained_usd if self.side is Side.BUY else -gained_usd

    @property
    def entry_price_usd(self) -> Decimal:
        """Average price of the shares that built it up."""
        return self.entered_usd / self.entered_quantity

    @property
    def exit_price_usd(self) -> Decimal | None:
        """Average price of the shares that brought it down; None before the first."""
        return self.exited_usd / self.exited_quantity if self.exited_quantity else None

    @property
    def held(self) -> timedelta | None:
        """How long it was open, in market time; None while it is."""
        return None if self.closed_at is None else self.closed_at - self.opened_at

    @property
    def open_quantity(self) -> Shares:
        """Shares still open, without a sign."""
        return self.entered_quantity - self.exited_quantity


def round_trips(fills: Iterable[tuple[str, Fill]]) -> list[RoundTrip]:
    """Return the round trips of fills in the order they were executed, by when they began.

    Args:
        fills: Each with the strategy whose order it filled.
    """
    under_way: dict[tuple[str, str], RoundTrip] = {}
    ended: list[RoundTrip] = []
    for strategy, fill in fills:
        who = (strategy, fill.symbol)
        trip, left = under_way.pop(who, None), fill.quantity
        if trip is not None and trip.side is not fill.side:
            closing = min(left, trip.open_quantity)
            trip, left = _brought_down(trip, fill, closing), left - closing
            if trip.closed_at is not None:
                ended.append(trip)
                trip = None
        if left:
            trip = _built_up(trip or _begun(strategy, fill), fill, left)
        if trip is not None:
            under_way[who] = trip
    return sorted(
        [*ended, *under_way.values()], key=lambda trip: (trip.opened_at, trip.symbol, trip.strategy)
    )


def _begun(strategy: str, fill: Fill) -> RoundTrip:
    zero = Decimal(0)
    return RoundTrip(
        strategy, fill.symbol, fill.side, fill.executed_at, None, 0, 0, zero, zero, fill_count=0
    )


def _built_up(trip: RoundTrip, fill: Fill, quantity: Shares) -> RoundTrip:
    return replace(
        trip,
        entered_quantity=trip.entered_quantity + quantity,
        entered_usd=trip.entered_usd + quantity * fill.price_usd,
        fill_count=trip.fill_count + 1,
    )


def _brought_down(trip: RoundTrip, fill: Fill, quantity: Shares) -> RoundTrip:
    return replace(
        trip,
        exited_quantity=trip.exited_quantity + quantity,
        exited_usd=trip.exited_usd + quantity * fill.price_usd,
        closed_at=fill.executed_at if quantity == trip.open_quantity else None,
        fill_count=trip.fill_count + 1,
    )
