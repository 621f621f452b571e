"""One day of one market, as both sources deliver it and the exchange replays it.

Minutes are counted from midnight New York. Prices are ticks, sizes are shares. A minute in which
nothing traded has no trade bar; a minute whose quote did not change may have no quote bar.
"""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from trading_core.paper.market.hours import Hours

# The instants within a minute, in seconds, at which its four quotes are shown.
QUOTE_OFFSETS_SECONDS = (0, 20, 40, 60)


@dataclass(frozen=True, slots=True)
class Prices:
    """Open, high, low and close of one minute, in ticks."""

    open: int
    high: int
    low: int
    close: int


@dataclass(frozen=True, slots=True)
class TradeBar:
    """The trades of one minute. Volume in shares."""

    prices: Prices
    volume: int


@dataclass(frozen=True, slots=True)
class QuoteBar:
    """The quotes of one minute; a side that nobody quoted is None, and its size 0."""

    bid: Prices | None
    bid_size: int
    ask: Prices | None
    ask_size: int


@dataclass(frozen=True, slots=True)
class QuoteState:
    """What the market maker shows at one instant; a side it does not show has price and size 0."""

    bid_ticks: int
    bid_size: int
    ask_ticks: int
    ask_size: int

    @property
    def crossed(self) -> bool:
        """Whether the bid is above the ask, which no market ever is for long."""
        return self.bid_size > 0 and self.ask_size > 0 and self.bid_ticks > self.ask_ticks

    @property
    def locked(self) -> bool:
        """Whether bid and ask are the same price."""
        return self.bid_size > 0 and self.ask_size > 0 and self.bid_ticks == self.ask_ticks


@dataclass(frozen=True, slots=True)
class SymbolTape:
    """One symbol's day, by minute, extended hours included."""

    trades: Mapping[int, TradeBar]
    quotes: Mapping[int, QuoteBar]

    def quote_before(self, minute: int) -> tuple[int, QuoteBar] | None:
        """Return the newest quote bar that ended by the start of `minute`, and its minute."""
        earlier = [m for m in self.quotes if m < minute]
        return (max(earlier), self.quotes[max(earlier)]) if earlier else None


@dataclass(frozen=True, slots=True)
class Tape:
    """One day of a market.

    Attributes:
        hours: When the exchange is open that day.
        sha256: Of every row; two tapes with the same digest replay alike.
    """

    hours: Hours
    symbols: Mapping[str, SymbolTape]
    sha256: str

    @property
    def date(self) -> date:
        """The trading day."""
        return self.hours.date

    def starts_at(self, minute: int) -> datetime:
        """Return the first instant of a minute counted from midnight New York."""
        return self.hours.midnight + timedelta(minutes=minute)

    def minute_at(self, moment: datetime) -> int:
        """Return the minute that `moment` falls into."""
        return int((moment - self.hours.midnight).total_seconds() // 60)


def make_tape(hours: Hours, symbols: Mapping[str, SymbolTape]) -> Tape:
    """Return a tape of `symbols` in alphabetical order, with its digest."""
    ordered = {symbol: symbols[symbol] for symbol in sorted(symbols)}
    digest = hashlib.sha256(f"{hours.date} {hours.closes_at.isoformat()}\n".encode())
    for line in _rows(ordered):
        digest.update(line.encode())
    return Tape(hours, ordered, digest.hexdigest())


def price_path(prices: Prices) -> tuple[int, int, int, int]:
    """Return the order in which a minute went through its four prices: see `quote_states`."""
    higher = prices.close >= prices.open
    middle = (prices.low, prices.high) if higher else (prices.high, prices.low)
    return (prices.open, *middle, prices.close)


def quote_states(bar: QuoteBar) -> tuple[QuoteState | None, ...]:
    """Return what the market maker shows at each of `QUOTE_OFFSETS_SECONDS`.

    The path through a minute is not in the data; it is taken to go from the open to the extreme on
    the far side of where it closed, then to the other one, then to the close. The highest bid and
    the highest ask need not have stood at the same instant: where such a pair is crossed the
    market was never there, and the state is None.
    """
    closed_higher = _middle(bar, "close") >= _middle(bar, "open")
    path = ("open", "low", "high", "close") if closed_higher else ("open", "high", "low", "close")
    states = [_state(bar, word) for word in path]
    return tuple(None if state.crossed else state for state in states)


def _middle(bar: QuoteBar, word: str) -> int:
    return sum(getattr(side, word) for side in (bar.bid, bar.ask) if side is not None)


def _state(bar: QuoteBar, word: str) -> QuoteState:
    bid, ask = bar.bid if bar.bid_size else None, bar.ask if bar.ask_size else None
    return QuoteState(
        bid_ticks=0 if bid is None else getattr(bid, word),
        bid_size=bar.bid_size,
        ask_ticks=0 if ask is None else getattr(ask, word),
        ask_size=bar.ask_size,
    )


def _rows(symbols: Mapping[str, SymbolTape]) -> Iterable[str]:
    for symbol, tape in symbols.items():
        for minute, trade in sorted(tape.trades.items()):
            yield f"{symbol} t {minute} {trade}\n"
        for minute, quote in sorted(tape.quotes.items()):
            yield f"{symbol} q {minute} {quote}\n"
