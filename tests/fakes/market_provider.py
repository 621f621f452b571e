"""A provider of market data in memory, with the faults of a real one to switch on.

It passes the contract that the paper exchange's door passes: tests/trading_core/market_data/
test_provider_contract.py.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

from trading_core.broker.http import RateLimited
from trading_core.domain.market import Bar, Quote
from trading_core.errors import Unreachable
from trading_core.lockstep import MINUTE
from trading_core.market_data.provider import OnNews, Usage


@dataclass
class FakeProvider:
    """One feed of a market whose clock the test moves.

    Attributes:
        minutes: The market's bars, whoever is asked; those that have ended are told.
        now: Market time.
        down: Nothing is answered and the stream does not stand.
        mute: The stream stands and says nothing.
        refusals: So many questions are answered with 429.
        silent_seconds: As the test says.
    """

    name: str = "primary"
    minutes: list[Bar] = field(default_factory=list)
    now: datetime | None = None
    down: bool = False
    mute: bool = False
    refusals: int = 0
    silent_seconds: float = 0.0
    on_news: OnNews = lambda _news: None
    asked: list[tuple[datetime, datetime]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._started = False
        self._heard: dict[str, datetime] = {}
        self._requests = self._refused = 0
        self._wait_seconds = 0.0

    @property
    def connected(self) -> bool:
        return self._started and not self.down

    @property
    def newest_at(self) -> datetime | None:
        return max(self._heard.values(), default=None)

    def heard_at(self, symbol: str) -> datetime | None:
        return self._heard.get(symbol)

    def start(self) -> None:
        self._started = True

    def stop(self) -> None:
        self._started = False

    def advance(self, now: datetime) -> None:
        """Let market time pass, and the stream tell of it."""
        before, self.now = self.now, now
        if not self.connected or self.mute:
            return
        for bar in self.minutes:
            ended_at = bar.started_at + MINUTE
            if (before is None or ended_at > before) and ended_at <= now:
                for news in (_quote_after(bar), bar):
                    self._heard[bar.symbol] = ended_at
                    self.on_news(news)

    def bars(self, symbols: Sequence[str], start: datetime, end: datetime) -> list[Bar]:
        self._answer()
        self.asked.append((start, end))
        return [bar for bar in self._ended(symbols) if start <= bar.started_at <= end]

    def latest_quotes(self, symbols: Sequence[str]) -> dict[str, Quote]:
        self._answer()
        return {bar.symbol: _quote_after(bar) for bar in self._ended(symbols)}

    def usage(self) -> Usage:
        return Usage(self._requests, self._requests, self._refused, self._wait_seconds)

    def _ended(self, symbols: Sequence[str]) -> list[Bar]:
        now = self.now
        ended = [b for b in self.minutes if now is not None and b.started_at + MINUTE <= now]
        return [bar for bar in ended if bar.symbol in symbols]

    def _answer(self) -> None:
        self._requests += 1
        if self.down:
            raise Unreachable(f"{self.name}: expected an answer, was none", next_step="wait")
        if self.refusals:
            self.refusals -= 1
            self._refused += 1
            self._wait_seconds = 1.0
            raise RateLimited(
                f"{self.name}: too many requests", next_step="wait", retry_after_seconds=1.0
            )


def _quote_after(bar: Bar) -> Quote:
    spread = Decimal("0.01")
    at = bar.started_at + MINUTE
    return Quote(bar.symbol, at, bar.close_usd, 100, bar.close_usd + spread, 100)
