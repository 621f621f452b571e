"""The market data API over REST: the backup of the stream, and the way to what was missed."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any, Self

from trading_core.broker import answers
from trading_core.broker.http import Denied, Door, Endpoint
from trading_core.domain.market import Bar, Quote
from trading_core.settings import Settings

_BARS_PER_PAGE = 10_000
Pace = Callable[[Callable[[], Any]], Any]


class MarketDataApi:
    """A client of the market data API. Threads may share one.

    Args:
        feed: Which of the provider's feeds: `iex`, `sip`, ...; None: its own choice.
        pace: Asks, and decides when; the default asks at once.

    Every method raises `Unreachable`, `ConfigurationError` and `CheckFailed` as
    `contract.TradingApi` says.
    """

    def __init__(
        self, endpoint: Endpoint, feed: str | None = None, pace: Pace = lambda ask: ask()
    ) -> None:
        self._pace = pace
        self._door = Door(endpoint)
        self._feed = {} if feed is None else {"feed": feed}

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """Return a client of the stack's exchange."""
        return cls(Endpoint.of(settings))

    def close(self) -> None:
        """Give the connections back."""
        self._door.close()

    def bars(self, symbols: Sequence[str], start: datetime, end: datetime) -> list[Bar]:
        """Return minute bars that started from `start` to `end`, both included, by symbol and time.

        A minute without a trade has no bar, and a minute that has not ended has none yet.
        """
        query = {
            "symbols": ",".join(symbols),
            "timeframe": "1Min",
            "start": start.astimezone(UTC).isoformat(),
            "end": end.astimezone(UTC).isoformat(),
            "limit": str(_BARS_PER_PAGE),
        }
        found: list[Bar] = []
        while True:
            bars, token = answers.read_bars(self._answer("/v2/stocks/bars", query))
            found += bars
            if token is None:
                return found
            query["page_token"] = token

    def latest_quotes(self, symbols: Sequence[str]) -> dict[str, Quote]:
        """Return the newest quote of each symbol that has one."""
        query = {"symbols": ",".join(symbols)}
        return answers.read_quotes(self._answer("/v2/stocks/quotes/latest", query))

    def _answer(self, path: str, params: dict[str, str]) -> Any:
        answer = self._pace(lambda: self._door.ask("GET", path, params=params | self._feed))
        return answer.raised() if isinstance(answer, Denied) else answer
