"""Locates: shares to borrow of symbols that are hard to borrow. They cost nothing here."""

from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse

from trading_core.paper.account.locates import Locate
from trading_core.paper.door.replies import RefusedError, body_of
from trading_core.paper.door.wire.values import Body, moment
from trading_core.paper.exchange import Exchange
from trading_core.paper.orders.refusals import Refusal
from trading_core.paper.venue import Venue

_LOT = 100
# What can be borrowed of a symbol in a day.
_AVAILABLE = 100_000
_FREE = "0.00"


def locate_routes(venue: Venue) -> APIRouter:
    """Return the routes of locates."""
    routes = APIRouter()

    @routes.post("/v1/locates", status_code=201)
    async def locate(request: Request) -> Body:
        body = await body_of(request)
        key = request.headers.get("idempotency-key", "")
        symbol, shares = _wanted(venue.current(), body)
        known = [one for one in venue.current().account.locates if key and one.key == key]
        if known and (known[0].symbol, known[0].shares) != (symbol, shares):
            raise _refused(422, "idempotency_key_conflict", "the key names another request")
        return _body(venue.current(), known[0] if known else venue.locate(symbol, shares, key))

    @routes.get("/v1/locates/quotes")
    async def quotes(symbols: str) -> Body:
        exchange = venue.current()
        wanted = [symbol.strip() for symbol in symbols.split(",")]
        refused = {symbol: _reason(exchange, symbol) for symbol in wanted}
        return {
            "quotes": [_quote(exchange, symbol) for symbol in wanted if not refused[symbol]],
            "errors": [
                {"symbol": symbol, "code": code, "message": f"{symbol} has no quote: {code}"}
                for symbol, code in refused.items()
                if code
            ],
        }

    @routes.get("/v1/locates")
    async def locates(symbol: str | None = None) -> Body:
        exchange = venue.current()
        found = [one for one in exchange.account.locates if symbol in (None, one.symbol)]
        return {"locates": [_body(exchange, one) for one in found], "next_page_token": None}

    @routes.get("/v1/locates/{locate_id}", response_model=None)
    async def by_id(locate_id: str) -> Body | JSONResponse:
        for one in venue.current().account.locates:
            if one.id == locate_id:
                return _body(venue.current(), one)
        return JSONResponse({"message": f"locate not found for {locate_id}"}, status_code=404)

    return routes


def _wanted(exchange: Exchange, body: Any) -> tuple[str, int]:
    symbol, shares = str(body.get("symbol")), body.get("qty")
    if not isinstance(shares, int) or shares < 1 or shares % _LOT:
        raise _refused(400, "invalid_input", f"qty must be a multiple of {_LOT}")
    code = _reason(exchange, symbol)
    if code:
        raise _refused(422, code, f"{symbol}: {code}")
    if exchange.account.located(symbol) + shares > _AVAILABLE:
        raise _refused(422, "quote_unavailable", f"{symbol}: fewer than {shares} are available")
    return symbol, shares


def _reason(exchange: Exchange, symbol: str) -> str:
    """Return why a symbol is not located; empty when it is."""
    if symbol not in exchange.tape.symbols:
        return "symbol_not_found"
    return "" if symbol in exchange.spec.hard_to_borrow else "easy_to_borrow"


def _refused(status: int, code: str, message: str) -> RefusedError:
    # This API says its codes in words.
    return RefusedError(Refusal(status, status * 100_000, message, {"code": code}))


def _quote(exchange: Exchange, symbol: str) -> Body:
    return {
        "symbol": symbol,
        "available_qty": _AVAILABLE - exchange.account.located(symbol),
        "price": _FREE,
        "quoted_at": moment(exchange.now),
    }


def _body(exchange: Exchange, locate: Locate) -> Body:
    return {
        "id": locate.id,
        "symbol": locate.symbol,
        "requested_qty": locate.shares,
        "located_qty": locate.shares,
        "all_or_none": False,
        "limit_price": None,
        "located_price": _FREE,
        "total_fee": _FREE,
        "status": "active",
        "rejection_reason": None,
        "created_at": moment(locate.at),
        "expires_at": moment(exchange.tape.hours.ends_at),
    }
