"""What the market has shown so far in one session: every bar, and the newest quote of each symbol.

Filled by whoever hears of it first, the stream's thread or a question over REST; the same bar
twice is one bar. Threads may share a board.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from threading import Condition

from trading_core.domain.market import Bar, Quote


@dataclass(frozen=True, slots=True)
class Scope:
    """Which session a board is about.

    Attributes:
        source: `bars` or `synthetic`, as the session was opened with.
    """

    session_id: str
    source: str
    symbols: tuple[str, ...]
    opens_at: datetime
    closes_at: datetime


class Board:
    """Bars and quotes of one session."""

    def __init__(self, scope: Scope) -> None:
        self.scope = scope
        self._bars: dict[tuple[datetime, str], Bar] = {}
        self._quotes: dict[str, Quote] = {}
        self._changed = Condition()

    def add(self, news: Iterable[Bar | Quote]) -> None:
        """Take in bars and quotes; those of other symbols or hours than the session's are left."""
        with self._changed:
            for item in news:
                if item.symbol not in self.scope.symbols:
                    continue
                if isinstance(item, Bar):
                    self._add_bar(item)
                else:
                    self._add_quote(item)
            self._changed.notify_all()

    def bars(self, *, start: datetime | None = None, symbol: str | None = None) -> list[Bar]:
        """Return the bars that started at or after `start`, by time and symbol."""
        with self._changed:
            found = sorted(self._bars.items())
        return [
            bar
            for (started_at, of), bar in found
            if (start is None or started_at >= start) and symbol in (None, of)
        ]

    def quotes(self) -> list[Quote]:
        """Return the newest quote of each symbol that has one, by symbol."""
        with self._changed:
            return [quote for _, quote in sorted(self._quotes.items())]

    def missing(self, minute: datetime) -> list[str]:
        """Return the symbols without a bar that started at `minute`."""
        with self._changed:
            return self._missing(minute)

    def wait_for(self, minute: datetime, *, within: timedelta) -> list[str]:
        """Wait until every symbol has its bar of `minute`, and return those still without."""
        with self._changed:
            self._changed.wait_for(
                lambda: not self._missing(minute), timeout=within.total_seconds()
            )
            return self._missing(minute)

    def _missing(self, minute: datetime) -> list[str]:
        return [symbol for symbol in self.scope.symbols if (minute, symbol) not in self._bars]

    def _add_bar(self, bar: Bar) -> None:
        if self.scope.opens_at <= bar.started_at < self.scope.closes_at:
            self._bars[bar.started_at, bar.symbol] = bar

    def _add_quote(self, quote: Quote) -> None:
        # An answer over REST may overtake the stream: only a newer quote replaces one.
        known = self._quotes.get(quote.symbol)
        if quote.at <= self.scope.closes_at and (known is None or quote.at >= known.at):
            self._quotes[quote.symbol] = quote
