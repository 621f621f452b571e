"""The market data API: minute bars of this session up to now, and the newest quotes."""

from datetime import datetime
from typing import Annotated, Literal

from fastapi import APIRouter, Query

from trading_core.paper.door import wire
from trading_core.paper.door.intake import read_moment
from trading_core.paper.door.replies import RefusedError, accepted
from trading_core.paper.door.wire import Body
from trading_core.paper.exchange import Exchange
from trading_core.paper.orders import unprocessable
from trading_core.paper.venue import Venue

BarsPerPage = Annotated[int, Query(ge=1, le=10_000)]


def market_data_routes(venue: Venue) -> APIRouter:
    """Return the routes of the market data API."""
    routes = APIRouter()

    @routes.get("/v2/stocks/bars")
    async def bars(
        symbols: str,
        timeframe: Literal["1Min"],  # noqa: ARG001 - FastAPI refuses any other
        start: str | None = None,
        end: str | None = None,
        limit: BarsPerPage = 1_000,
        page_token: str = "0",
    ) -> Body:
        exchange = venue.current()
        hours = exchange.tape.hours
        first = accepted(read_moment(start, "start")) if start else hours.midnight
        last = accepted(read_moment(end, "end")) if end else hours.closes_at
        rows = _rows(exchange, _known(exchange, symbols), first, last)
        behind = _offset(page_token)
        page = rows[behind : behind + limit]
        found: dict[str, list[Body]] = {}
        for symbol, bar in page:
            found.setdefault(symbol, []).append(bar)
        more = behind + limit < len(rows)
        return {"bars": found, "next_page_token": str(behind + limit) if more else None}

    @routes.get("/v2/stocks/quotes/latest")
    async def latest_quotes(symbols: str) -> Body:
        exchange = venue.current()
        known = _known(exchange, symbols)
        quotes = {s: wire.quote_body(exchange.quotes[s]) for s in known if s in exchange.quotes}
        return {"quotes": quotes}

    return routes


def _rows(
    exchange: Exchange, symbols: list[str], first: datetime, last: datetime
) -> list[tuple[str, Body]]:
    return [
        (symbol, wire.bar_body(at, bar))
        for symbol in symbols
        for at, bar in exchange.bars(symbol, first, last)
    ]


def _known(exchange: Exchange, symbols: str) -> list[str]:
    """Return the symbols of a comma-separated list, sorted; those without data are left out."""
    wanted = {symbol.strip() for symbol in symbols.split(",")}
    return sorted(wanted & set(exchange.tape.symbols))


def _offset(page_token: str) -> int:
    if not (page_token.isascii() and page_token.isdigit() and len(page_token) < 12):
        raise RefusedError(unprocessable("page_token: expected one of this API"))
    return int(page_token)
