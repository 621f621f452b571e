"""The market data API: bars, quotes and trades of this session up to now."""

import re
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from trading_core.paper import history
from trading_core.paper.door.intake.fields import read_moment
from trading_core.paper.door.replies import RefusedError, accepted
from trading_core.paper.door.wire.market import bar_body, quote_body, trade_body
from trading_core.paper.door.wire.values import Body
from trading_core.paper.exchange import Exchange
from trading_core.paper.orders.refusals import unprocessable
from trading_core.paper.venue import Venue

_TIMEFRAME = re.compile(r"([1-9][0-9]?)(Min|T|Hour|H|Day|D)")
_UNITS = {
    "Min": timedelta(minutes=1),
    "T": timedelta(minutes=1),
    "Hour": timedelta(hours=1),
    "H": timedelta(hours=1),
    "Day": timedelta(days=1),
    "D": timedelta(days=1),
}


class HistoryQuery(BaseModel):
    """Which part of the past is asked for, in Alpaca's parameters."""

    symbols: str = ""
    timeframe: str = "1Min"
    start: str | None = None
    end: str | None = None
    limit: Annotated[int, Field(ge=1, le=10_000)] = 1_000
    page_token: str = "0"
    sort: Literal["asc", "desc"] = "asc"

    def span(self, exchange: Exchange) -> tuple[datetime, datetime]:
        """Return the first and the last instant; the whole day when none is given."""
        hours = exchange.tape.hours
        first = accepted(read_moment(self.start, "start")) if self.start else hours.midnight
        last = accepted(read_moment(self.end, "end")) if self.end else hours.ends_at
        return first, last

    def width(self) -> timedelta:
        """Return how long a bar is."""
        understood = _TIMEFRAME.fullmatch(self.timeframe)
        if understood is None:
            raise RefusedError(unprocessable(f"invalid timeframe: {self.timeframe[:20]!r}"))
        return int(understood[1]) * _UNITS[understood[2]]


_Rows = Callable[[Exchange, str, HistoryQuery], Iterable[Body]]


def market_data_routes(venue: Venue) -> APIRouter:
    """Return the routes of the market data API."""
    routes = APIRouter()
    _add_latest(routes, venue)
    for name, rows in (("bars", _bars), ("quotes", _quotes), ("trades", _trades)):
        _add_history(routes, venue, name, rows)
    return routes


def _add_history(routes: APIRouter, venue: Venue, name: str, rows_of: _Rows) -> None:
    @routes.get(f"/v2/stocks/{name}")
    async def of_many(query: Annotated[HistoryQuery, Query()]) -> Body:
        exchange = venue.current()
        rows = [
            (symbol, row)
            for symbol in _known(exchange, query.symbols)
            for row in _sorted(rows_of(exchange, symbol, query), query)
        ]
        page, token = _page(rows, query)
        found: dict[str, list[Body]] = {}
        for symbol, row in page:
            found.setdefault(symbol, []).append(row)
        return {name: found, "next_page_token": token}

    @routes.get(f"/v2/stocks/{{symbol}}/{name}")
    async def of_one(symbol: str, query: Annotated[HistoryQuery, Query()]) -> Body:
        exchange = venue.current()
        known = _known(exchange, symbol)
        rows = _sorted(rows_of(exchange, symbol, query), query) if known else []
        page, token = _page(rows, query)
        return {"symbol": symbol, name: page, "next_page_token": token}


def _add_latest(routes: APIRouter, venue: Venue) -> None:
    latest: dict[str, Callable[[Exchange, str], Body | None]] = {
        "bars": _latest_bar,
        "quotes": _latest_quote,
        "trades": _latest_trade,
    }

    def add(name: str, find: Callable[[Exchange, str], Body | None]) -> None:
        @routes.get(f"/v2/stocks/{name}/latest")
        async def of_many(symbols: str) -> Body:
            exchange = venue.current()
            return {name: _of_each(exchange, _known(exchange, symbols), find)}

        @routes.get(f"/v2/stocks/{{symbol}}/{name}/latest")
        async def of_one(symbol: str) -> Body:
            exchange = venue.current()
            return {"symbol": symbol, name[:-1]: _of_each(exchange, [symbol], find).get(symbol)}

    for name, find in latest.items():
        add(name, find)

    @routes.get("/v2/stocks/snapshots")
    async def snapshots(symbols: str) -> Body:
        exchange = venue.current()
        return _of_each(exchange, _known(exchange, symbols), _snapshot)

    @routes.get("/v2/stocks/{symbol}/snapshot")
    async def snapshot(symbol: str) -> Body:
        exchange = venue.current()
        found = _of_each(exchange, _known(exchange, symbol), _snapshot)
        return {"symbol": symbol, **found.get(symbol, {})}


def _bars(exchange: Exchange, symbol: str, query: HistoryQuery) -> Iterable[Body]:
    first, last = query.span(exchange)
    rows = history.bars(exchange, symbol, first, last, query.width())
    return [bar_body(at, bar) for at, bar in rows]


def _quotes(exchange: Exchange, symbol: str, query: HistoryQuery) -> Iterable[Body]:
    return map(quote_body, history.quotes(exchange, symbol, *query.span(exchange)))


def _trades(exchange: Exchange, symbol: str, query: HistoryQuery) -> Iterable[Body]:
    return map(trade_body, history.prints(exchange, symbol, *query.span(exchange)))


def _latest_bar(exchange: Exchange, symbol: str) -> Body | None:
    rows = exchange.bars(symbol, exchange.tape.hours.midnight, exchange.now)
    return bar_body(*rows[-1]) if rows else None


def _latest_quote(exchange: Exchange, symbol: str) -> Body | None:
    shown = exchange.quotes.get(symbol)
    return None if shown is None else quote_body(shown)


def _latest_trade(exchange: Exchange, symbol: str) -> Body | None:
    trades = history.prints(exchange, symbol, exchange.tape.hours.midnight, exchange.now)
    return trade_body(trades[-1]) if trades else None


def _snapshot(exchange: Exchange, symbol: str) -> Body | None:
    hours = exchange.tape.hours
    day = history.bars(exchange, symbol, hours.midnight, exchange.now, timedelta(days=1))
    parts = {
        "latestTrade": _latest_trade(exchange, symbol),
        "latestQuote": _latest_quote(exchange, symbol),
        "minuteBar": _latest_bar(exchange, symbol),
        "dailyBar": bar_body(*day[-1]) if day else None,
    }
    return {name: part for name, part in parts.items() if part is not None}


def _of_each(
    exchange: Exchange, symbols: Iterable[str], find: Callable[[Exchange, str], Body | None]
) -> Body:
    found = ((symbol, find(exchange, symbol)) for symbol in symbols)
    return {symbol: body for symbol, body in found if body is not None}


def _known(exchange: Exchange, symbols: str) -> list[str]:
    """Return the symbols of a comma-separated list, sorted; those without data are left out."""
    wanted = {symbol.strip() for symbol in symbols.split(",")}
    return sorted(wanted & set(exchange.tape.symbols))


def _sorted(rows: Iterable[Body], query: HistoryQuery) -> Sequence[Body]:
    found = list(rows)
    return found if query.sort == "asc" else found[::-1]


def _page(rows: Sequence[Any], query: HistoryQuery) -> tuple[Sequence[Any], str | None]:
    """Return the page of rows that is asked for, and the token of the next one."""
    token = query.page_token
    if not (token.isascii() and token.isdigit() and len(token) < 12):
        raise RefusedError(unprocessable("page_token: expected one of this API"))
    behind = int(token)
    following = behind + query.limit
    more = following < len(rows)
    return rows[behind:following], str(following) if more else None
