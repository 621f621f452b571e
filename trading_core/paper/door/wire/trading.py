"""Orders, positions and what happened to them, as the exchange tells them: in decimal strings."""

from collections.abc import Sequence
from decimal import Decimal

from trading_core.domain.money import from_ticks, to_cents
from trading_core.paper.account.account import Account
from trading_core.paper.account.activities import Activity
from trading_core.paper.account.holding import Holding
from trading_core.paper.door.wire.values import (
    Body,
    asset_id,
    moment,
    money,
    optional,
    share_of,
    shares,
)
from trading_core.paper.exchange import Update
from trading_core.paper.orders.order import Execution, PaperOrder
from trading_core.paper.orders.words import Status


def order_body(order: PaperOrder, legs: Sequence[PaperOrder] = ()) -> Body:
    """Return an order.

    Args:
        legs: Those that depend on it, where they are to be told with it.
    """
    request, ended = order.request, moment(order.ended_at)
    return {
        "id": order.id,
        "client_order_id": request.client_order_id,
        "created_at": moment(order.submitted_at),
        "submitted_at": moment(order.submitted_at),
        "updated_at": moment(order.updated_at),
        "filled_at": ended if order.status is Status.FILLED else None,
        "canceled_at": ended if order.status is Status.CANCELED else None,
        "expired_at": ended if order.status is Status.EXPIRED else None,
        "replaced_at": ended if order.status is Status.REPLACED else None,
        "failed_at": None,
        "replaced_by": order.replaced_by,
        "replaces": order.replaces,
        "asset_id": asset_id(request.symbol),
        "asset_class": "us_equity",
        "symbol": request.symbol,
        "notional": optional(request.notional_usd),
        "qty": None if request.quantity is None else shares(order.quantity),
        "filled_qty": shares(order.filled_quantity),
        "filled_avg_price": optional(order.filled_average_usd),
        "order_class": request.order_class.value,
        "order_type": request.type.value,
        "type": request.type.value,
        "side": request.side.value,
        "time_in_force": request.time_in_force.value,
        "limit_price": optional(request.limit_price_usd),
        "stop_price": None if order.stop_ticks is None else str(from_ticks(order.stop_ticks)),
        "trail_percent": optional(request.trail_percent),
        "trail_price": optional(request.trail_price_usd),
        "hwm": None if order.high_water_ticks is None else str(from_ticks(order.high_water_ticks)),
        "status": order.status.value,
        "extended_hours": request.extended_hours,
        "legs": [_leg_body(leg) for leg in legs] or None,
    }


def _leg_body(leg: PaperOrder) -> Body:
    """Return an order within another one: it has no legs, not even none."""
    body = order_body(leg)
    del body["legs"]
    return body


def position_body(account: Account, held: Holding) -> Body:
    """Return a position at the last middle price."""
    price = account.price_usd(held.symbol)
    today = account.positions_today.get(held.symbol, held)
    unrealized, intraday = held.unrealized_pnl_usd(price), today.unrealized_pnl_usd(price)
    last_price = account.last_prices_usd.get(held.symbol, price)
    free = max(abs(held.quantity) - account.held_for_orders(held.symbol), Decimal(0))
    return {
        "asset_id": asset_id(held.symbol),
        "symbol": held.symbol,
        "exchange": "NYSE",
        "asset_class": "us_equity",
        "asset_marginable": True,
        "avg_entry_price": money(held.entry_price_usd),
        "qty": shares(held.quantity),
        "qty_available": shares(free if held.quantity > 0 else -free),
        "side": "long" if held.quantity > 0 else "short",
        "market_value": str(to_cents(held.quantity * price)),
        "cost_basis": money(held.cost_basis_usd),
        "current_price": money(price),
        "lastday_price": money(last_price),
        "change_today": share_of(price - last_price, last_price),
        "unrealized_pl": str(to_cents(unrealized)),
        "unrealized_plpc": share_of(unrealized, held.cost_basis_usd),
        "unrealized_intraday_pl": str(to_cents(intraday)),
        "unrealized_intraday_plpc": share_of(intraday, today.cost_basis_usd),
    }


def activity_id(execution: Execution) -> str:
    """Return the id of an execution's FILL activity: its time to the millisecond, and its id."""
    return f"{execution.at:%Y%m%d%H%M%S}000::{execution.id}"


def fill_body(execution: Execution) -> Body:
    """Return an execution as a FILL activity."""
    return {
        "id": activity_id(execution),
        "activity_type": "FILL",
        "type": "partial_fill" if execution.leaves else "fill",
        "transaction_time": moment(execution.at),
        "order_id": execution.order_id,
        "order_status": "partially_filled" if execution.leaves else "filled",
        "symbol": execution.symbol,
        "side": execution.side.value,
        "qty": shares(execution.quantity),
        "price": str(from_ticks(execution.price_ticks)),
        "cum_qty": shares(execution.cumulative),
        "leaves_qty": shares(execution.leaves),
    }


def activity_body(activity: Activity) -> Body:
    """Return an activity that is no fill."""
    body: Body = {
        "id": f"{activity.on:%Y%m%d}000000000::{activity.id}",
        "activity_type": activity.kind,
        "date": activity.on.isoformat(),
        "net_amount": money(activity.amount_usd),
        "description": activity.description,
        "status": "executed",
    }
    facts = {
        "symbol": activity.symbol,
        "qty": shares(activity.quantity),
        "price": optional(activity.price_usd),
    }
    return body | {name: value for name, value in facts.items() if value is not None}


def update_body(update: Update) -> Body:
    """Return an update as a message of the trade_updates stream."""
    data: Body = {
        "event": update.event,
        "timestamp": moment(update.order.updated_at),
        "order": order_body(update.order),
    }
    if update.execution is not None:
        data |= {
            "execution_id": update.execution.id,
            "price": str(from_ticks(update.execution.price_ticks)),
            "qty": shares(update.execution.quantity),
            "position_qty": shares(update.execution.position_quantity),
        }
    return {"stream": "trade_updates", "data": data}
