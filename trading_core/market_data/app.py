"""The market data service over HTTP (8001)."""

from functools import partial
from typing import Annotated, Any

from fastapi import Depends, FastAPI, Query
from pydantic import AwareDatetime, BaseModel

from trading_core.clock import stopwatch_seconds
from trading_core.domain.market import Bar, Quote
from trading_core.lockstep import MinuteEnd
from trading_core.market_data.client import BarsAnswer
from trading_core.market_data.collector import Collected
from trading_core.market_data.orders import add_orders
from trading_core.market_data.service import NAME, MarketDataService
from trading_core.market_data.status import DataStatus
from trading_core.metrics import Metrics
from trading_core.service import build_app, require_control
from trading_core.settings import Settings

__all__ = ["NAME", "market_data_app"]


class QuotesAnswer(BaseModel):
    """What GET /quotes answers."""

    quotes: list[Quote]


class Recent(BaseModel):
    """What GET /api/v1/market-data/{symbol} answers: the newest bars, oldest first."""

    symbol: str
    quote: Quote | None
    bars: list[Bar]


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
            "stream_key_id": service.primary.key_id,
            "backup_stream_key_id": service.backup.key_id,
            "feed": service.feeds.choice.active,
            "halted": service.halts.halted,
        },
        metrics=metrics,
        running=service.running(),
    )
    _add_collection(app, service, metrics)
    _add_questions(app, service)
    add_orders(app, service)
    return app


def _add_collection(app: FastAPI, service: MarketDataService, metrics: Metrics) -> None:
    # Asked at each scrape: a feed that is lost between two minutes, or outside a session, is seen.
    metrics.gauge("market_data_websocket_connected").set_function(
        lambda: float(service.primary.connected)
    )
    active = metrics.gauge("market_data_feed_active")
    for name in service.feeds.providers:
        active.labels(name).set_function(partial(_is_active, service, name))
    symbols = metrics.gauge("market_data_symbols")
    processed = metrics.counter("trading_messages_processed_total")
    gaps = metrics.counter("market_data_sequence_gaps_total")
    ages = metrics.gauge("feed_age_seconds")
    latency = metrics.histogram("market_data_latency_seconds")

    def tell_ages(collected: Collected) -> None:
        board = service.collector.board
        for provider in service.feeds.providers.values():
            for symbol in board.scope.symbols if board else ():
                if heard_at := provider.heard_at(symbol):
                    age_seconds = max(0.0, (collected.now - heard_at).total_seconds())
                    ages.labels(provider.name, symbol).set(age_seconds)

    @app.post("/cycle/collect", dependencies=[Depends(require_control)])
    def collect(minute: MinuteEnd) -> dict[str, Any]:
        began_seconds = stopwatch_seconds()
        collected = service.collect(minute.now, minute.session_id)
        latency.observe(stopwatch_seconds() - began_seconds)
        symbols.set(collected.bars + len(collected.silent))
        processed.inc(collected.bars)
        gaps.labels(service.feeds.active.name).inc(len(collected.recovered))
        tell_ages(collected)
        return {
            "now": collected.now,
            "bars": collected.bars,
            "feed": collected.feed,
            "silent": collected.silent,
            "cached": collected.cached,
        }


def _is_active(service: MarketDataService, name: str) -> float:
    return float(service.feeds.active.name == name)


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

    @app.get("/rate-limit/status")
    def rate_limits() -> dict[str, Any]:
        return {name: one.usage().as_json() for name, one in service.feeds.providers.items()}

    @app.get("/api/v1/market-data/{symbol}")
    def recent(symbol: str, limit: Annotated[int, Query(ge=1, le=1000)] = 5) -> Recent:
        board = service.board_of(symbol)
        quote = next((quote for quote in board.quotes() if quote.symbol == symbol), None)
        return Recent(symbol=symbol, quote=quote, bars=board.bars(symbol=symbol)[-limit:])
