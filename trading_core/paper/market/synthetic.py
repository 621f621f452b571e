"""A made-up market for when there are no bar files: seeded, plausible, and called synthetic.

Each symbol's price is carried from day to day by a slow walk that any date can be computed from
alone. Within a day it is led by spells of trend that alternate with spells of quiet, pulled back
towards a line from today's level to tomorrow's, so that crossover and momentum rules find
something to do. Only `Random.random`, which Python promises never to change, and plain arithmetic
are used: the same seed makes the same market everywhere.
"""

import math
import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from trading_core.errors import ConfigurationError
from trading_core.paper.market.hours import day_after, hours_of
from trading_core.paper.market.tape import Prices, QuoteBar, SymbolTape, Tape, TradeBar, make_tape

_CENT_TICKS = 100
_STEPS_PER_MINUTE = 6
_LEVEL_MEMORY_DAYS = 60
_OPENING_QUOTE_MINUTES = 31


@dataclass(frozen=True, slots=True)
class _Character:
    """How a symbol behaves. Sizes and volumes are typical values in shares."""

    price_ticks: int
    spread_cents_max: int
    size: int
    volume: int
    trades_share: float


_CHARACTERS = {
    "ACME": _Character(1_670_000, 2, 4_000, 200_000, 1.0),
    "BOLT": _Character(1_820_000, 6, 500, 8_000, 1.0),
    "CRUX": _Character(139_000, 1, 20_000, 120_000, 1.0),
    "DYNE": _Character(488_000, 4, 400, 6_000, 0.98),
}
DEFAULT_SYMBOLS = tuple(_CHARACTERS)


def make_synthetic(day: date, seed: int, symbols: Sequence[str] | None) -> Tape:
    """Return the synthetic market of one day; the same arguments, the same market.

    Raises:
        ConfigurationError: The exchange is closed that day, or a symbol is not one of ours.
    """
    hours = hours_of(day)
    chosen = DEFAULT_SYMBOLS if symbols is None else tuple(symbols)
    for symbol in chosen:
        if symbol not in _CHARACTERS:
            raise ConfigurationError(
                f"symbol: expected one of {', '.join(DEFAULT_SYMBOLS)}, was {symbol!r}",
                next_step="leave the symbols out, or choose among the synthetic ones",
            )
    opening = int((hours.opens_at - hours.midnight).total_seconds()) // 60
    closing = int((hours.closes_at - hours.midnight).total_seconds()) // 60
    tapes = {symbol: _SymbolDay(symbol, day, seed).tape(opening, closing) for symbol in chosen}
    return make_tape(hours, tapes)


class _SymbolDay:
    """Makes one symbol's day, minute after minute."""

    def __init__(self, symbol: str, day: date, seed: int) -> None:
        self._character = _CHARACTERS[symbol]
        # Seeding with text is by SHA-512: documented, and the same on every machine.
        self._random = random.Random(f"{seed}/{symbol}/{day}")
        self._level = _level(symbol, day, seed)
        self._next_level = _level(symbol, day_after(day).date, seed)
        self._price = self._level
        self._line = self._level
        self._drift = 0.0
        self._spell_minutes = 0

    def tape(self, opening: int, closing: int) -> SymbolTape:
        first = opening - _OPENING_QUOTE_MINUTES
        quotes = {first: self._quotes([_to_cent(self._level)], self._spread_ticks())}
        trades: dict[int, TradeBar] = {}
        line_step = (self._next_level - self._level) / (closing - opening)
        for minute in range(opening, closing):
            self._line += line_step
            bids, spread_ticks = self._walk(), self._spread_ticks()
            quotes[minute] = self._quotes(bids, spread_ticks)
            if self._random.random() < self._character.trades_share:
                trades[minute] = self._trades(bids, spread_ticks)
        return SymbolTape(trades=trades, quotes=quotes)

    def _walk(self) -> list[int]:
        """Return the bids of one minute, in ticks."""
        if self._spell_minutes == 0:
            self._begin_spell()
        self._spell_minutes -= 1
        bids = [_to_cent(self._price)]
        for _ in range(_STEPS_PER_MINUTE - 1):
            pull = (self._line - self._price) * 0.0015
            self._price += self._price * (self._drift + 0.00009 * self._bell()) + pull
            bids.append(_to_cent(self._price))
        return bids

    def _begin_spell(self) -> None:
        self._spell_minutes = 25 + int(self._random.random() * 50)
        trending = self._random.random() < 0.7
        strength = (0.5 + self._random.random()) * 0.000028
        up = self._random.random() < 0.5
        self._drift = (strength if up else -strength) if trending else 0.0

    def _spread_ticks(self) -> int:
        return (1 + int(self._random.random() * self._character.spread_cents_max)) * _CENT_TICKS

    def _quotes(self, bids: Sequence[int], spread_ticks: int) -> QuoteBar:
        asks = [bid + spread_ticks for bid in bids]
        return QuoteBar(_prices(bids), self._lots(), _prices(asks), self._lots())

    def _trades(self, bids: Sequence[int], spread_ticks: int) -> TradeBar:
        """Return trades that each hit the bid or lift the ask."""
        prices = [bid + (spread_ticks if self._random.random() < 0.5 else 0) for bid in bids]
        volume = int(self._character.volume * (0.3 + 1.4 * self._random.random()))
        return TradeBar(_prices(prices), volume)

    def _lots(self) -> int:
        """Return a quoted size: whole lots of a hundred shares."""
        return max(1, int(self._character.size * (0.2 + 1.6 * self._random.random())) // 100) * 100

    def _bell(self) -> float:
        """Return a number of mean 0 and variance 1, near enough to normal."""
        return math.fsum(self._random.random() for _ in range(12)) - 6.0


def _level(symbol: str, day: date, seed: int) -> float:
    """Return where a symbol opens on a date, in ticks: a moving sum of daily shocks."""
    base = _CHARACTERS[symbol].price_ticks
    total = 0.0
    for age in range(_LEVEL_MEMORY_DAYS):
        shock = random.Random(f"{seed}/{symbol}/{day.toordinal() - age}").random() - 0.5
        total += shock * (1 - age / _LEVEL_MEMORY_DAYS)
    return base * (1 + 0.012 * total)


def _to_cent(ticks: float) -> int:
    return int(ticks) // _CENT_TICKS * _CENT_TICKS


def _prices(path: Sequence[int]) -> Prices:
    return Prices(open=path[0], high=max(path), low=min(path), close=path[-1])
