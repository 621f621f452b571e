"""Orders: send, replace, take back, look at."""

from bisect import bisect_right
from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Literal

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field
from starlette.routing import Route

from trading_core.domain.orders import Side
from trading_core.metrics import Metrics
from trading_core.paper.account.account import Account
from trading_core.paper.admission import unknown
from trading_core.paper.door.intake.fields import read_moment
from trading_core.paper.door.intake.orders import read_changes, read_order
from trading_core.paper.door.replies import RefusedError, accepted, body_of
from trading_core.paper.door.streams.trade_updates import TradeUpdates
from trading_core.paper.door.trading.queries import FAR_FUTURE, FAR_PAST, Direction, page
from trading_core.paper.door.wire.trading import order_body
from trading_core.paper.door.wire.values import Body
from trading_core.paper.orders.order import PaperOrder, derived_id
from trading_core.paper.orders.refusals import Refusal, not_found
from trading_core.paper.orders.terms import OrderTerms
from trading_core.paper.venue import Venue


class OrdersQuery(BaseModel):
    """Which orders are asked for, in Alpaca's parameters."""

    status: Literal["open", "closed", "all"] = "open"
    limit: Annotated[int, Field(ge=1, le=500)] = 50
    direction: Direction = "desc"
    after: str = FAR_PAST
    until: str = FAR_FUTURE
    nested: bool = False
    symbols: str | None = None
    side: Side | None = None
    after_order_id: str | None = None
    before_order_id: str | None = None

    def wants(self, order: PaperOrder) -> bool:
        """Whether an order is among them, its time and place left out."""
        return (
            (self.status == "all" or order.is_open == (self.status == "open"))
            and (self.symbols is None or order.request.symbol in self.symbols.split(","))
            and (self.side is None or order.request.side is self.side)
            # Told below the order they depend on.
            and not (self.nested and order.parent_id is not None)
        )


class Desk:
    """Carries commands to the exchange and tells the stream what came of them."""

    def __init__(self, venue: Venue, updates: TradeUpdates, metrics: Metrics) -> None:
        self.venue = venue
        self._updates = updates
        self._outcomes = metrics.counter("orders_total")

    def submit(self, terms: OrderTerms) -> PaperOrder:
        """Send an order; raises `RefusedError` when it is not taken."""
        return self.taken(self.venue.submit(terms))

    def taken(self, answer: PaperOrder | Refusal) -> PaperOrder:
        """Return an order that was taken, once everybody was told; else raise `RefusedError`."""
        if isinstance(answer, Refusal):
            self._outcomes.labels("refused").inc()
        order = accepted(answer)
        self.tell()
        return order

    def tell(self) -> None:
        """Tell the stream what has happened since the last time."""
        happened = self.venue.current().take_updates()
        for update in happened:
            self._outcomes.labels(update.event).inc()
        self._updates.publish(happened)

    def account(self) -> Account:
        """Return the account; raises `CheckFailed` when no session is open."""
        return self.venue.current().account

    def spare_id(self) -> str:
        """Return a client order id for an order whose client gives none."""
        account = self.account()
        return derived_id(account.number, "client", account.next_sequence)


def order_route(desk: Desk, guard: Callable[[Request], None]) -> Route:
    """Return where orders are sent.

    It is asked more than everything else together. A plain route costs half of what one does that
    works out its parameters from types.

    Args:
        guard: Raises `RefusedError` for whoever may not come in.
    """

    async def submit(request: Request) -> JSONResponse:
        guard(request)
        body = await body_of(request)
        spare_id = "" if body.get("client_order_id") else desk.spare_id()
        order = desk.submit(accepted(read_order(body, spare_id)))
        return JSONResponse(order_body(order, desk.account().legs_of(order)))

    return Route("/v2/orders", submit, methods=["POST"])


def add_orders(routes: APIRouter, desk: Desk) -> None:
    """Add what replaces and takes back."""
    venue = desk.venue

    @routes.patch("/v2/orders/{order_id}")
    async def replace(order_id: str, request: Request) -> Body:
        body = await body_of(request)
        order = venue.current().account.order(order_id)
        if order is None:
            raise RefusedError(unknown(order_id))
        changes = accepted(read_changes(body, order, desk.spare_id()))
        return order_body(desk.taken(venue.replace(order_id, changes)))

    @routes.delete("/v2/orders/{order_id}", status_code=204)
    async def cancel(order_id: str) -> Response:
        refusal = venue.cancel(order_id)
        if refusal is not None:
            raise RefusedError(refusal)
        desk.tell()
        return Response(status_code=204)

    @routes.delete("/v2/orders")
    async def cancel_all() -> JSONResponse:
        # Before the first session there is nothing to take back, and a halt must be told so.
        if venue.exchange is None:
            return JSONResponse([], status_code=207)
        orders = venue.cancel_all()
        desk.tell()
        return JSONResponse([{"id": o.id, "status": 200} for o in orders], status_code=207)


def add_order_queries(routes: APIRouter, venue: Venue) -> None:
    """Add what looks at orders."""

    @routes.get("/v2/orders:by_client_order_id")
    async def by_client_order_id(client_order_id: str) -> Body:
        account = venue.current().account
        order = account.order_by_client_id(client_order_id)
        if order is None:
            raise RefusedError(not_found(f"order not found for client_order_id {client_order_id}"))
        return order_body(order, account.legs_of(order))

    @routes.get("/v2/orders/{order_id}")
    async def by_id(order_id: str, nested: bool = False) -> Body:
        account = venue.current().account
        order = account.order(order_id)
        if order is None:
            raise RefusedError(unknown(order_id))
        return order_body(order, account.legs_of(order) if nested else ())

    @routes.get("/v2/orders")
    async def orders(query: Annotated[OrdersQuery, Query()]) -> list[Body]:
        after = accepted(read_moment(query.after, "after"))
        until = accepted(read_moment(query.until, "until"))
        if venue.exchange is None:
            return []
        account = venue.exchange.account
        first, last = _span(account, query.after_order_id, query.before_order_id)
        found = [
            order
            for order in _candidates(account, query.status, after)
            if query.wants(order)
            and after < order.submitted_at < until
            and first < order.sequence < last
        ]
        return [
            order_body(order, account.legs_of(order) if query.nested else ())
            for order in page(found, query.direction, query.limit)
        ]


def _candidates(account: Account, status: str, after: datetime) -> list[PaperOrder]:
    """Return orders among which are all that are asked for, oldest first."""
    if status == "open":
        return account.open_orders()
    return account.orders[bisect_right(account.orders, after, key=lambda one: one.submitted_at) :]


def _span(account: Account, after_id: str | None, before_id: str | None) -> tuple[int, int]:
    """Return between which sequences orders are asked for, both left out."""
    first = 0 if after_id is None else _sequence(account.order(after_id), "after_order_id")
    last = account.next_sequence
    if before_id is not None:
        last = _sequence(account.order(before_id), "before_order_id")
    return first, last


def _sequence(order: PaperOrder | None, name: str) -> int:
    if order is None:
        raise RefusedError(not_found(f"{name}: order not found"))
    return order.sequence
