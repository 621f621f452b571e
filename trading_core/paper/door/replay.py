"""The replay door: open a session, look at it, move its clock."""

from datetime import timedelta
from decimal import Decimal

from fastapi import APIRouter, Request

from trading_core.clock import stopwatch_seconds
from trading_core.metrics import Metrics
from trading_core.paper.door.intake.fields import read_moment
from trading_core.paper.door.intake.sessions import read_session
from trading_core.paper.door.replies import RefusedError, accepted, body_of
from trading_core.paper.door.streams.market_data import MarketFeeds
from trading_core.paper.door.streams.minutes import minute_messages
from trading_core.paper.door.streams.trade_updates import TradeUpdates
from trading_core.paper.door.wire.sessions import advance_body, session_body
from trading_core.paper.door.wire.values import Body
from trading_core.paper.orders.refusals import not_found
from trading_core.paper.venue import Venue


def replay_routes(
    venue: Venue,
    updates: TradeUpdates,
    market: MarketFeeds,
    metrics: Metrics,
    fee_per_share_usd: Decimal,
) -> APIRouter:
    """Return the routes of the replay door.

    Args:
        fee_per_share_usd: Of a session that is opened without naming one.
    """
    routes = APIRouter()
    minutes = metrics.counter("trading_messages_processed_total")
    durations = metrics.histogram("trading_processing_latency_seconds")

    @routes.post("/replay/session")
    async def open_session(request: Request) -> Body:
        spec = read_session(await body_of(request), fee_per_share_usd)
        return session_body(venue.open_session(spec))

    @routes.get("/replay/session")
    async def session() -> Body:
        if venue.exchange is None:
            raise RefusedError(not_found("session not found"))
        return session_body(venue.exchange)

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
            market.publish(exchange, minute_messages(exchange, before))
            minutes.inc((exchange.now - before) // timedelta(minutes=1))
            durations.observe(stopwatch_seconds() - began_seconds)
        return advance_body(exchange)

    return routes
