"""An exchange's market data with faults to switch on, and places to keep and show it."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal

from tests.fakes.strategy_surroundings import OPENS_AT, a_session
from trading_core.broker.replay import ReplaySession
from trading_core.domain.market import Bar, Quote
from trading_core.errors import Unreachable
from trading_core.lockstep import MINUTE
from trading_core.market_data.board import Scope

SYMBOLS = ("AIG", "SPY")


def a_bar(symbol: str, minute: int, close_usd: int = 100) -> Bar:
    """Return the bar of the minute that began `minute` minutes after the open."""
    price = Decimal(close_usd)
    return Bar(symbol, OPENS_AT + minute * MINUTE, price, price, price, price, volume=100)


def a_quote(symbol: str, at: datetime, bid_usd: int = 99) -> Quote:
    """Return a quote one dollar wide."""
    return Quote(symbol, at, Decimal(bid_usd), 100, Decimal(bid_usd + 1), 200)


@dataclass
class Exchange:
    """A session whose clock the test moves; every symbol trades every minute but the silent ones.

    Attributes:
        silent: Symbol and minute without a trade.
        down: Nothing is answered while this is set.
        asked: Questions for bars so far.
    """

    silent: set[tuple[str, int]] = field(default_factory=set)
    down: bool = False
    asked: int = 0
    open_session: ReplaySession | None = field(default_factory=lambda: a_session(symbols=SYMBOLS))

    def advance(self, minute: int) -> datetime:
        """Move the clock to the end of a minute, and return it."""
        assert self.open_session is not None
        now = OPENS_AT + (minute + 1) * MINUTE
        self.open_session = replace(self.open_session, now=now)
        return now

    def told(self, minute: int) -> list[Bar | Quote]:
        """Return what the stream says when a minute ends: quotes, then bars."""
        end = OPENS_AT + (minute + 1) * MINUTE
        return [*(a_quote(symbol, end) for symbol in SYMBOLS), *self._bars(minute)]

    def session(self) -> ReplaySession | None:
        self._answer()
        return self.open_session

    def bars(self, symbols: Sequence[str], start: datetime, end: datetime) -> list[Bar]:
        self._answer()
        self.asked += 1
        session = self.open_session
        assert session is not None
        last = min(end, session.now - MINUTE)
        minutes = range((start - OPENS_AT) // MINUTE, (last - OPENS_AT) // MINUTE + 1)
        return [bar for m in minutes for bar in self._bars(m) if bar.symbol in symbols]

    def latest_quotes(self, symbols: Sequence[str]) -> dict[str, Quote]:
        self._answer()
        session = self.open_session
        assert session is not None
        return {symbol: a_quote(symbol, session.now) for symbol in symbols}

    def _bars(self, minute: int) -> list[Bar]:
        return [a_bar(s, minute) for s in SYMBOLS if (s, minute) not in self.silent]

    def _answer(self) -> None:
        if self.down:
            raise Unreachable("exchange: expected an answer, was none", next_step="wait")


@dataclass
class Shelf:
    """Where bars are kept; `down` makes keeping them fail."""

    kept: dict[tuple[str, str, datetime], Bar] = field(default_factory=dict)
    down: bool = False

    def keep(self, source: str, bars: Sequence[Bar]) -> None:
        if self.down:
            raise Unreachable("database: expected an answer, was none", next_step="wait")
        for bar in bars:
            self.kept[source, bar.symbol, bar.started_at] = bar

    def begin(self, scope: Scope, bars: Sequence[Bar]) -> None:
        if self.down:
            raise Unreachable("database: expected an answer, was none", next_step="wait")
        self.kept.clear()
        self.keep(scope.source, bars)

    @property
    def minutes(self) -> list[tuple[str, int]]:
        """Symbol and minute of each bar kept."""
        return sorted((s, (at - OPENS_AT) // MINUTE) for _, s, at in self.kept)


@dataclass
class Screen:
    """Where market data is shown; `down` makes it a dark one."""

    shown: list[tuple[Bar, ...]] = field(default_factory=list)
    down: bool = False

    def show(self, bars: Sequence[Bar], quotes: Sequence[Quote]) -> bool:
        if not self.down:
            self.shown.append(tuple(bars))
        return not self.down
