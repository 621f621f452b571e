"""The trading API: account, clock, calendar, orders, positions, activities."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Annotated, Literal, TypeVar

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import JSONResponse

from trading_core.metrics import Metrics
from trading_core.paper.door import wire
from trading_core.paper.door.intake import read_moment, read_order
from trading_core.paper.door.replies import RefusedError, accepted, body_of
from trading_core.paper.door.streams import TradeUpdates
from trading_core.paper.door.wire import Body
from trading_core.paper.market.hours import day_after, trading_days
from trading_core.paper.orders import Execution, PaperOrder, derived_id, not_found, unprocessable
from trading_core.paper.venue import Venue

_T = TypeVar("_T")
_CALENDAR_SPAN = timedelta(days=366)
_FAR_PAST, _FAR_FUTURE = "1970-01-01", "2100-01-01"

Direction = Literal["asc", "desc"]
OrdersPerPage = Annotated[int, Query(ge=1, le=500)]
ActivitiesPerPage = Annotated[int, Query(ge=1, le=100)]


def trading_routes(venue: Venue, updates: TradeUpdates, metrics: Metrics) -> APIRouter:
    """Return the routes of the trading API."""
    routes = APIRouter()
    _add_facts(routes, venue)
    _add_orders(routes, venue, updates, metrics)
    _add_order_queries(routes, venue)
    _add_positions(routes, venue)
    _add_activities(routes, venue)
    return routes


def _add_facts(routes: APIRouter, venue: Venue) -> None:
    @routes.get("/v2/account")
    async def account() -> Body:
        return wire.account_body(venue.current().account)

    @routes.get("/v2/clock")
    async def clock() -> Body:
        return wire.clock_body(venue.current())

    @routes.get("/v2/calendar")
    async def calendar(start: str | None = None, end: str | None = None) -> list[Body]:
        today = venue.current().now.date()
        first = accepted(read_moment(start or today, "start")).date()
        last = accepted(read_moment(end or first + _CALENDAR_SPAN, "end")).date()
        days = trading_days(first, last)
        if not days:
            return []
        following = [*days[1:], day_after(days[-1].date)]
        return [
            wire.calendar_body(day, after.date) for day, after in zip(days, following, strict=True)
        ]


def _add_orders(routes: APIRouter, venue: Venue, updates: TradeUpdates, metrics: Metrics) -> None:
    outcomes = metrics.counter("orders_total")

    def tell() -> None:
        happened = venue.current().take_updates()
        for update in happened:
            outcomes.labels(update.event).inc()
        updates.publish(happened)

    @routes.post("/v2/orders")
    async def submit(request: Request) -> Body:
        body = await body_of(request)
        account = venue.current().account
        spare_id = derived_id(account.number, "client", len(account.orders) + 1)
        answer = venue.submit(accepted(read_order(body, spare_id)))
        if not isinstance(answer, PaperOrder):
            outcomes.labels("refused").inc()
            raise RefusedError(answer)
        tell()
        return wire.order_body(answer)

    @routes.delete("/v2/orders/{order_id}", status_code=204)
    async def cancel(order_id: str) -> Response:
        refusal = venue.cancel(order_id)
        if refusal is not None:
            raise RefusedError(refusal)
        tell()
        return Response(status_code=204)

    @routes.delete("/v2/orders")
    async def cancel_all() -> JSONResponse:
        # Before the first session there is nothing to take back, and a halt must be told so.
        if venue.exchange is None:
            return JSONResponse([], status_code=207)
        orders = venue.cancel_all()
        tell()
        return JSONResponse([{"id": o.id, "status": 200} for o in orders], status_code=207)


def _add_order_queries(routes: APIRouter, venue: Venue) -> None:
    @routes.get("/v2/orders:by_client_order_id")
    async def by_client_order_id(client_order_id: str) -> Body:
        order = venue.current().account.order_by_client_id(client_order_id)
        if order is None:
            raise RefusedError(not_found(f"order {client_order_id}"))
        return wire.order_body(order)

    @routes.get("/v2/orders/{order_id}")
    async def by_id(order_id: str) -> Body:
        order = venue.current().account.order(order_id)
        if order is None:
            raise RefusedError(not_found(f"order {order_id}"))
        return wire.order_body(order)

    @routes.get("/v2/orders")
    async def orders(
        status: Literal["open", "closed", "all"] = "open",
        limit: OrdersPerPage = 50,
        direction: Direction = "desc",
        after: str = _FAR_PAST,
        until: str = _FAR_FUTURE,
        after_order_id: str | None = None,
    ) -> list[Body]:
        first, last = accepted(read_moment(after, "after")), accepted(read_moment(until, "until"))
        if venue.exchange is None:
            return []
        account = venue.exchange.account
        behind = 0 if after_order_id is None else _sequence(account.order(after_order_id))
        found = [
            order
            for order in account.orders
            if (status == "all" or order.is_open == (status == "open"))
            and first < order.submitted_at < last
            and order.sequence > behind
        ]
        return [wire.order_body(order) for order in _page(found, direction, limit)]


def _add_positions(routes: APIRouter, venue: Venue) -> None:
    @routes.get("/v2/positions")
    async def positions() -> list[Body]:
        account = venue.current().account
        return [wire.position_body(account, held) for held in account.held().values()]

    @routes.get("/v2/positions/{symbol}")
    async def position(symbol: str) -> Body:
        account = venue.current().account
        held = account.held().get(symbol)
        if held is None:
            raise RefusedError(not_found("position does not exist: position"))
        return wire.position_body(account, held)


def _add_activities(routes: APIRouter, venue: Venue) -> None:
    @routes.get("/v2/account/activities/FILL")
    async def fills(
        after: str = _FAR_PAST,
        until: str = _FAR_FUTURE,
        direction: Direction = "desc",
        page_size: ActivitiesPerPage = 100,
        page_token: str | None = None,
    ) -> list[Body]:
        first, last = accepted(read_moment(after, "after")), accepted(read_moment(until, "until"))
        executions = venue.current().account.executions
        found = [execution for execution in executions if first < execution.at < last]
        if page_token is not None:
            found = _beyond(found, page_token, direction)
        return [wire.activity_body(execution) for execution in _page(found, direction, page_size)]


def _beyond(
    executions: Sequence[Execution], page_token: str, direction: Direction
) -> list[Execution]:
    """Return what comes after the page that ended with the activity `page_token`."""
    ids = [wire.activity_id(execution) for execution in executions]
    if page_token not in ids:
        raise RefusedError(
            unprocessable("page_token: expected the id of an activity of this query")
        )
    index = ids.index(page_token)
    return list(executions[index + 1 :] if direction == "asc" else executions[:index])


def _page(rows: Sequence[_T], direction: Direction, size: int) -> Sequence[_T]:
    """Return one page of rows that are in ascending order."""
    return rows[:size] if direction == "asc" else rows[::-1][:size]


def _sequence(order: PaperOrder | None) -> int:
    if order is None:
        raise RefusedError(not_found("after_order_id: order"))
    return order.sequence
