"""The market data service over HTTP (8001)."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from typing import Annotated, Any

from fastapi import Depends, FastAPI, Query
from pydantic import AwareDatetime, BaseModel

from trading_core.broker.http import Endpoint
from trading_core.broker.market_data import MarketDataApi
from trading_core.broker.market_stream import MarketStream
from trading_core.broker.replay import Replay
from trading_core.clock import stopwatch_seconds
from trading_core.domain.market import Bar, Quote
from trading_core.errors import ConfigurationError, TradingError
from trading_core.health import Health
from trading_core.lockstep import MINUTE, MinuteEnd
from trading_core.market_data.archive import Archive
from trading_core.market_data.board import Board
from trading_core.market_data.cache import Cache
from trading_core.market_data.client import BarsAnswer
from trading_core.market_data.collector import Collector
from trading_core.metrics import Metrics
from trading_core.service import build_app, require_control
from trading_core.settings import Settings
from trading_core.storage.connect import Database

NAME = "market_data"


class QuotesAnswer(BaseModel):
    """What GET /quotes answers."""

    quotes: list[Quote]


class Recent(BaseModel):
    """What GET /api/v1/market-data/{symbol} answers: the newest bars, oldest first."""

    symbol: str
    quote: Quote | None
    bars: list[Bar]


class SymbolStatus(BaseModel):
    """How fresh one symbol is. Market times; the age is unknown while the exchange is."""

    symbol: str
    last_bar_at: datetime | None
    last_quote_at: datetime | None
    age_seconds: float | None


class DataStatus(BaseModel):
    """What GET /data/status answers."""

    connected: bool
    backup_reachable: bool
    session_id: str | None
    now: datetime | None
    collected_through: datetime | None
    symbols: list[SymbolStatus]


class MarketDataService:
    """The collector with its feeds, cache and database."""

    def __init__(self, settings: Settings, metrics: Metrics) -> None:
        self.endpoint = endpoint = Endpoint.of(settings)
        self.database = Database(
            settings.live_secret("trading_dsn"), application=NAME, connections_max=4
        )
        self.cache = Cache.of(settings)
        self.collector = Collector(
            Replay(endpoint), MarketDataApi(endpoint), Archive(self.database), self.cache
        )
        self.stream = MarketStream(endpoint, ["*"], self._hear, on_connect=lambda: None)
        self._messages = metrics.counter("market_data_messages_received_total")

    @contextmanager
    def running(self) -> Iterator[None]:
        """Keep the database and the stream for as long as the service runs."""
        with self.database:
            self.stream.start()
            try:
                yield
            finally:
                self.stream.stop()
                self.cache.close()

    def board(self) -> Board | None:
        """Return the market data of the open session; looked up when none is known yet."""
        if self.collector.board is None and (session := self.collector.session()):
            self.collector.turn_to(session)
        return self.collector.board

    def quotes(self) -> list[Quote]:
        """Return the newest quote of each symbol of the session."""
        board = self.board()
        return board.quotes() if board else []

    def feed_health(self) -> Health:
        """Return whether the primary feed is connected; the backup can do without it."""
        connected = self.stream.connected
        return Health(connected, "connected" if connected else "not connected", needed=False)

    def exchange_health(self) -> Health:
        """Return whether the exchange answers, the only source of market data there is."""
        try:
            session = self.collector.session()
        except TradingError as error:
            return Health(ok=False, detail=str(error))
        return Health(ok=True, detail=session.session_id if session else "no session is open")

    def data_status(self) -> DataStatus:
        """Return how fresh each symbol of the session is."""
        session, reachable = None, True
        try:
            session = self.collector.session()
        except TradingError:
            reachable = False
        if session:
            with suppress(TradingError):
                self.collector.turn_to(session)
        now = session.now if session else None
        board = self.collector.board
        if board and session and board.scope.session_id != session.session_id:
            board = None  # yesterday's: without a database it could not be turned
        return DataStatus(
            connected=self.stream.connected,
            backup_reachable=reachable,
            session_id=board.scope.session_id if board else None,
            now=now,
            collected_through=self.collector.collected_through,
            symbols=_freshness(board, now) if board else [],
        )

    def _hear(self, news: Bar | Quote) -> None:
        self._messages.inc()
        self.collector.hear(news)


def market_data_app(settings: Settings) -> FastAPI:
    """Return the service, wired to the stack that `settings` describe."""
    metrics = Metrics()
    service = MarketDataService(settings, metrics)
    app = build_app(
        NAME,
        settings,
        checks={
            "database": service.database.health,
            "exchange": service.exchange_health,
            "stream": service.feed_health,
            "redis": service.cache.health,
        },
        status=lambda: {
            "collected_through": service.collector.collected_through,
            "broker_key_id": service.endpoint.keys().key_id,
            "stream_key_id": service.stream.key_id,
        },
        metrics=metrics,
        running=service.running(),
    )
    _add_collection(app, service, metrics)
    _add_questions(app, service)
    return app


def _add_collection(app: FastAPI, service: MarketDataService, metrics: Metrics) -> None:
    # Asked at each scrape: a feed that is lost between two minutes, or outside a session, is seen.
    metrics.gauge("market_data_websocket_connected").set_function(
        lambda: float(service.stream.connected)
    )
    symbols = metrics.gauge("market_data_symbols")
    processed = metrics.counter("trading_messages_processed_total")
    ages = metrics.gauge("feed_age_seconds")
    latency = metrics.histogram("market_data_latency_seconds")

    @app.post("/cycle/collect", dependencies=[Depends(require_control)])
    def collect(minute: MinuteEnd) -> dict[str, Any]:
        began_seconds = stopwatch_seconds()
        collected = service.collector.collect(
            minute.now, minute.session_id, by_stream=service.stream.connected
        )
        latency.observe(stopwatch_seconds() - began_seconds)
        symbols.set(collected.bars + len(collected.silent))
        processed.inc(collected.bars)
        for quote in service.quotes():
            age_seconds = (collected.now - quote.at).total_seconds()
            ages.labels("quotes", quote.symbol).set(age_seconds)
        return {
            "now": collected.now,
            "bars": collected.bars,
            "feed": collected.feed,
            "silent": collected.silent,
            "cached": collected.cached,
        }


def _add_questions(app: FastAPI, service: MarketDataService) -> None:
    @app.get("/bars")
    def bars(
        symbol: str | None = None,
        limit: Annotated[int | None, Query(ge=1)] = None,
        after: AwareDatetime | None = None,
    ) -> BarsAnswer:
        board = service.board()
        found = board.bars(start=after, symbol=symbol) if board else []
        return BarsAnswer(
            session_id=board.scope.session_id if board else None,
            collected_through=service.collector.collected_through,
            bars=found if limit is None else found[-limit:],
        )

    @app.get("/quotes")
    def quotes() -> QuotesAnswer:
        return QuotesAnswer(quotes=service.quotes())

    @app.get("/data/status")
    def data_status() -> DataStatus:
        return service.data_status()

    @app.get("/api/v1/market-data/{symbol}")
    def recent(symbol: str, limit: Annotated[int, Query(ge=1, le=1000)] = 5) -> Recent:
        board = service.board()
        if board is None or symbol not in board.scope.symbols:
            known = board.scope.symbols if board else ()
            raise ConfigurationError(
                f"symbol: expected one of {list(known)}, was {symbol!r}",
                next_step="ask for a symbol of the open session: GET /data/status",
            )
        quote = next((quote for quote in board.quotes() if quote.symbol == symbol), None)
        return Recent(symbol=symbol, quote=quote, bars=board.bars(symbol=symbol)[-limit:])


def _freshness(board: Board, now: datetime | None) -> list[SymbolStatus]:
    quotes = {quote.symbol: quote for quote in board.quotes()}
    last_bars = {bar.symbol: bar for bar in board.bars()}
    statuses = []
    for symbol in board.scope.symbols:
        quote, bar = quotes.get(symbol), last_bars.get(symbol)
        heard_at = max(
            (at for at in (quote and quote.at, bar and bar.started_at + MINUTE) if at),
            default=None,
        )
        statuses.append(
            SymbolStatus(
                symbol=symbol,
                last_bar_at=bar.started_at if bar else None,
                last_quote_at=quote.at if quote else None,
                age_seconds=(now - heard_at).total_seconds() if now and heard_at else None,
            )
        )
    return statuses
