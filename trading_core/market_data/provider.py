"""One provider of market data: a stream and a REST door, with what it sent and how it limits us.

`AlpacaProvider` is the adapter of Alpaca's market data API; the paper exchange speaks it too. What
the rest of the service knows is `Provider`.
"""

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from threading import Lock
from typing import Protocol, TypeVar

from trading_core.broker.http import Endpoint, RateLimited
from trading_core.broker.market_data import MarketDataApi
from trading_core.broker.market_stream import MarketStream
from trading_core.clock import stopwatch_seconds
from trading_core.domain.market import Bar, Halt, Quote
from trading_core.lockstep import MINUTE

_T = TypeVar("_T")
# As many as may be asked in a minute at most.
_ASKED_KEPT = 10_000
_MINUTE_SECONDS = 60.0
OnNews = Callable[[Bar | Quote], None]
OnHalt = Callable[[Halt], None]


@dataclass(frozen=True, slots=True)
class Usage:
    """How a provider's REST door was used since the service started.

    Attributes:
        requests_last_minute: Of the requests, those of the last minute by our wall clock.
        refused: Of the requests, those that were answered with 429.
        wait_seconds: How long it asks us to stay away from now on; 0: it does not.
    """

    requests: int
    requests_last_minute: int
    refused: int
    wait_seconds: float

    def as_json(self) -> dict[str, float]:
        """Return it as an answer shows it."""
        return asdict(self)


class Provider(Protocol):
    """A provider, whoever it is. Threads may share one.

    `bars` and `latest_quotes` raise `Unreachable` (`RateLimited` among it), `ConfigurationError`
    when our key is refused, and `CheckFailed` for a question it denies.
    """

    name: str

    @property
    def connected(self) -> bool:
        """Whether its stream stands."""
        ...

    @property
    def silent_seconds(self) -> float:
        """How long its stream has said nothing, by our wall clock."""
        ...

    @property
    def newest_at(self) -> datetime | None:
        """The newest market moment its stream told of."""
        ...

    def heard_at(self, symbol: str) -> datetime | None:
        """Return the newest market moment at which its stream told of a symbol."""
        ...

    def start(self) -> None:
        """Open the stream, and keep it open."""
        ...

    def stop(self) -> None:
        """Close the stream."""
        ...

    def bars(self, symbols: Sequence[str], start: datetime, end: datetime) -> list[Bar]:
        """Return the minute bars that started from `start` to `end`, both included."""
        ...

    def latest_quotes(self, symbols: Sequence[str]) -> dict[str, Quote]:
        """Return the newest quote of each symbol that has one."""
        ...

    def usage(self) -> Usage:
        """Return how the REST door was used."""
        ...


class AlpacaProvider:
    """A feed of Alpaca's market data API, or of what speaks it.

    Args:
        name: What we call it: `primary`, `backup`.
        feed: What the provider calls it: `iex`, `sip`.
        on_news: Called with each bar or quote, in the stream's thread.
        on_halt: Called with each halt of a symbol, and its end.
    """

    def __init__(
        self,
        name: str,
        endpoint: Endpoint,
        feed: str,
        on_news: OnNews,
        on_halt: OnHalt = lambda _halt: None,
    ) -> None:
        self.name = name
        self._on_news = on_news
        self._api = MarketDataApi(endpoint, feed)
        self._stream = MarketStream(
            endpoint, ["*"], self._hear, on_connect=self._mark_sound, feed=feed, on_halt=on_halt
        )
        self._turn = Lock()
        self._heard_at: dict[str, datetime] = {}
        self._newest_at: datetime | None = None
        self._sound_at_seconds = stopwatch_seconds()
        self._requests = self._refused = 0
        self._wait_until_seconds = 0.0
        self._asked_at_seconds: deque[float] = deque(maxlen=_ASKED_KEPT)

    @property
    def connected(self) -> bool:
        """See `Provider`."""
        return self._stream.connected

    @property
    def key_id(self) -> str:
        """The id of the key the stream was opened with."""
        return self._stream.key_id

    @property
    def silent_seconds(self) -> float:
        """See `Provider`."""
        return stopwatch_seconds() - self._sound_at_seconds

    @property
    def newest_at(self) -> datetime | None:
        """See `Provider`."""
        return self._newest_at

    def heard_at(self, symbol: str) -> datetime | None:
        """See `Provider`."""
        return self._heard_at.get(symbol)

    def start(self) -> None:
        """See `Provider`."""
        self._stream.start()

    def stop(self) -> None:
        """See `Provider`."""
        self._stream.stop()
        self._api.close()

    def bars(self, symbols: Sequence[str], start: datetime, end: datetime) -> list[Bar]:
        """See `Provider`."""
        return self._counted(lambda: self._api.bars(symbols, start, end))

    def latest_quotes(self, symbols: Sequence[str]) -> dict[str, Quote]:
        """See `Provider`."""
        return self._counted(lambda: self._api.latest_quotes(symbols))

    def usage(self) -> Usage:
        """See `Provider`."""
        now_seconds = stopwatch_seconds()
        left_seconds = max(0.0, self._wait_until_seconds - now_seconds)
        with self._turn:
            lately = sum(now_seconds - at <= _MINUTE_SECONDS for at in self._asked_at_seconds)
        return Usage(self._requests, lately, self._refused, round(left_seconds, 3))

    def _hear(self, news: Bar | Quote) -> None:
        self._mark_sound()
        at = news.started_at + MINUTE if isinstance(news, Bar) else news.at
        known = self._heard_at.get(news.symbol)
        self._heard_at[news.symbol] = at if known is None else max(at, known)
        self._newest_at = at if self._newest_at is None else max(at, self._newest_at)
        self._on_news(news)

    def _mark_sound(self) -> None:
        self._sound_at_seconds = stopwatch_seconds()

    def _counted(self, ask: Callable[[], _T]) -> _T:
        with self._turn:
            self._requests += 1
            self._asked_at_seconds.append(stopwatch_seconds())
        try:
            return ask()
        except RateLimited as error:
            with self._turn:
                self._refused += 1
                self._wait_until_seconds = stopwatch_seconds() + error.retry_after_seconds
            raise
