"""Positions: look at them, close one or all."""

from decimal import ROUND_DOWN, Decimal

from fastapi import APIRouter
from fastapi.responses import JSONResponse

from trading_core.domain.orders import Side
from trading_core.paper.account.account import Account
from trading_core.paper.account.holding import Holding
from trading_core.paper.door.intake.fields import UnreadableError, decimal
from trading_core.paper.door.replies import RefusedError
from trading_core.paper.door.trading.orders import Desk
from trading_core.paper.door.wire.trading import order_body, position_body
from trading_core.paper.door.wire.values import Body, asset_id
from trading_core.paper.orders.refusals import not_found, unprocessable
from trading_core.paper.orders.terms import OrderTerms
from trading_core.paper.venue import Venue

_NANO_SHARE = Decimal("0.000000001")


def add_positions(routes: APIRouter, venue: Venue, desk: Desk) -> None:
    """Add the routes of positions."""

    @routes.get("/v2/positions")
    async def positions() -> list[Body]:
        account = venue.current().account
        return [position_body(account, held) for held in account.held().values()]

    @routes.get("/v2/positions/{symbol_or_asset_id}")
    async def position(symbol_or_asset_id: str) -> Body:
        account = venue.current().account
        return position_body(account, _held(account, symbol_or_asset_id))

    @routes.delete("/v2/positions/{symbol_or_asset_id}")
    async def close(
        symbol_or_asset_id: str, qty: str | None = None, percentage: str | None = None
    ) -> Body:
        held = _held(venue.current().account, symbol_or_asset_id)
        quantity = _part(held, qty, percentage)
        return order_body(desk.submit(_closing(held, quantity, desk.spare_id())))

    @routes.delete("/v2/positions")
    async def close_all(cancel_orders: bool = False) -> JSONResponse:
        if cancel_orders:
            venue.cancel_all()
            desk.tell()
        holdings = venue.current().account.held().values()
        return JSONResponse([_closed(desk, held) for held in holdings], status_code=207)


def _closed(desk: Desk, held: Holding) -> Body:
    try:
        order = desk.submit(_closing(held, abs(held.quantity), desk.spare_id()))
    except RefusedError as error:
        refusal = error.refusal
        return {"symbol": held.symbol, "status": refusal.status, "body": refusal.body()}
    return {"symbol": held.symbol, "status": 200, "body": order_body(order)}


def _held(account: Account, symbol_or_asset_id: str) -> Holding:
    for symbol, held in account.held().items():
        if symbol_or_asset_id in (symbol, asset_id(symbol)):
            return held
    raise RefusedError(not_found("position does not exist"))


def _part(held: Holding, qty: str | None, percentage: str | None) -> Decimal:
    """Return how many shares of a position are meant."""
    if qty is not None and percentage is not None:
        raise RefusedError(unprocessable("only one of qty and percentage is accepted"))
    try:
        if qty is not None:
            shares = decimal({"qty": qty}, "qty")
        elif percentage is not None:
            percent = decimal({"percentage": percentage}, "percentage")
            if not 0 < percent <= 100:
                raise UnreadableError("percentage must be > 0 and at most 100")
            shares = (abs(held.quantity) * percent / 100).quantize(_NANO_SHARE, ROUND_DOWN)
        else:
            shares = abs(held.quantity)
    except UnreadableError as error:
        raise RefusedError(unprocessable(str(error))) from None
    if shares <= 0 or shares % _NANO_SHARE:
        raise RefusedError(unprocessable("qty must be > 0, with at most nine decimals"))
    return shares


def _closing(held: Holding, quantity: Decimal, client_order_id: str) -> OrderTerms:
    side = Side.SELL if held.quantity > 0 else Side.BUY
    whole = quantity == quantity.to_integral_value()
    shares = quantity.quantize(Decimal(1)) if whole else quantity.normalize()
    return OrderTerms(client_order_id, held.symbol, side, shares)
