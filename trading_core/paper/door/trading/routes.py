"""The trading API as a whole."""

from fastapi import APIRouter

from trading_core.paper.door.trading.accounts import add_account, add_activities
from trading_core.paper.door.trading.orders import Desk, add_order_queries, add_orders
from trading_core.paper.door.trading.portfolio import add_portfolio
from trading_core.paper.door.trading.positions import add_positions
from trading_core.paper.door.trading.reference import add_reference
from trading_core.paper.venue import Venue


def trading_routes(venue: Venue, desk: Desk) -> APIRouter:
    """Return the routes of the trading API, beside the one of new orders."""
    routes = APIRouter()
    add_account(routes, venue)
    add_activities(routes, venue)
    add_orders(routes, desk)
    add_order_queries(routes, venue)
    add_positions(routes, venue, desk)
    add_reference(routes, venue)
    add_portfolio(routes, venue)
    return routes
