"""The replay door: open a session, look at it, move its clock."""

from datetime import datetime, timedelta

from fastapi import APIRouter, Request

from trading_core.clock import stopwatch_seconds
from trading_core.metrics import Metrics
from trading_core.paper.door import wire
from trading_core.paper.door.intake import read_moment, read_session
from trading_core.paper.door.replies import RefusedError, accepted, body_of
from trading_core.paper.door.streams import MarketData, TradeUpdates
from trading_core.paper.door.wire import Body
from trading_core.paper.exchange import Exchange
from trading_core.paper.orders import not_found
from trading_core.paper.venue import Venue


def replay_routes(
    venue: Venue, updates: TradeUpdates, market: MarketData, metrics: Metrics
) -> APIRouter:
    """Return the routes of the replay door."""
    routes = APIRouter()
    minutes = metrics.counter("trading_messages_processed_total")
    durations = metrics.histogram("trading_processing_latency_seconds")

    @routes.post("/replay/session")
    async def open_session(request: Request) -> Body:
        return wire.session_body(venue.open_session(read_session(await body_of(request))))

    @routes.get("/replay/session")
    async def session() -> Body:
        if venue.exchange is None:
            raise RefusedError(not_found("session"))
        return wire.session_body(venue.exchange)

    @routes.post("/replay/advance")
    async def advance(request: Request) -> Body:
        body = await body_of(request)
        exchange = venue.current()
        to, before = accepted(read_moment(body.get("to"), "to")), exchange.now
        began_seconds = stopwatch_seconds()
        refusal = venue.advance(to)
        if refusal is not None:
            raise RefusedError(refusal)
        if exchange.now > before:
            updates.publish(exchange.take_updates())
            market.publish(exchange, _bars_since(exchange, before))
            minutes.inc((exchange.now - before) // timedelta(minutes=1))
            durations.observe(stopwatch_seconds() - began_seconds)
        return wire.advance_body(exchange)

    return routes


def _bars_since(exchange: Exchange, before: datetime) -> list[Body]:
    """Return the bars of the minutes that ended after `before`, oldest first."""
    found = [
        {"T": "b", "S": symbol, **wire.bar_body(at, bar)}
        for symbol in exchange.tape.symbols
        for at, bar in exchange.bars(symbol, before, exchange.now)
    ]
    return sorted(found, key=lambda body: (body["t"], body["S"]))
