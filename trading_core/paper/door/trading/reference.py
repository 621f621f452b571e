"""What is true for everybody: the clock, the calendar, the assets."""

from datetime import timedelta

from fastapi import APIRouter

from trading_core.paper.door.intake.fields import read_moment
from trading_core.paper.door.replies import RefusedError, accepted
from trading_core.paper.door.wire.sessions import calendar_body, clock_body
from trading_core.paper.door.wire.values import Body, asset_id
from trading_core.paper.exchange import Exchange
from trading_core.paper.market.hours import day_after, trading_days
from trading_core.paper.orders.refusals import not_found
from trading_core.paper.venue import Venue

_CALENDAR_SPAN = timedelta(days=366)


def add_reference(routes: APIRouter, venue: Venue) -> None:
    """Add clock, calendar and assets."""

    @routes.get("/v2/clock")
    async def clock() -> Body:
        return clock_body(venue.current())

    @routes.get("/v2/calendar")
    async def calendar(start: str | None = None, end: str | None = None) -> list[Body]:
        today = venue.current().now.date()
        first = accepted(read_moment(start or today, "start")).date()
        last = accepted(read_moment(end or first + _CALENDAR_SPAN, "end")).date()
        days = trading_days(first, last)
        if not days:
            return []
        following = [*days[1:], day_after(days[-1].date)]
        return [calendar_body(day, after.date) for day, after in zip(days, following, strict=True)]

    @routes.get("/v2/assets")
    async def assets(
        status: str | None = None, asset_class: str | None = None, exchange: str | None = None
    ) -> list[Body]:
        rows = [_asset(venue.current(), symbol) for symbol in venue.current().tape.symbols]
        asked = {"status": status, "class": asset_class, "exchange": exchange}
        return [row for row in rows if all(v in (None, row[name]) for name, v in asked.items())]

    @routes.get("/v2/assets/{symbol_or_asset_id}")
    async def asset(symbol_or_asset_id: str) -> Body:
        for symbol in venue.current().tape.symbols:
            if symbol_or_asset_id in (symbol, asset_id(symbol)):
                return _asset(venue.current(), symbol)
        raise RefusedError(not_found(f"asset not found for {symbol_or_asset_id}"))


def _asset(exchange: Exchange, symbol: str) -> Body:
    easy = symbol not in exchange.spec.hard_to_borrow
    return {
        "id": asset_id(symbol),
        "class": "us_equity",
        "exchange": "NYSE",
        "symbol": symbol,
        "name": f"{symbol} Common Stock",
        "status": "active",
        "tradable": True,
        "marginable": True,
        "maintenance_margin_requirement": 30,
        "margin_requirement_long": "30",
        "margin_requirement_short": "30",
        "shortable": True,
        "easy_to_borrow": easy,
        "borrow_status": "easy_to_borrow" if easy else "hard_to_borrow",
        "fractionable": True,
        "attributes": [],
    }
