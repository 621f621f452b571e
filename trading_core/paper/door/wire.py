"""What the exchange says, in Alpaca's words: trading in decimal strings, market data in numbers."""

from datetime import date, datetime
from decimal import Decimal
from typing import Any

from trading_core.clock import EXCHANGE_ZONE
from trading_core.domain.money import from_ticks, to_cents
from trading_core.domain.orders import Side
from trading_core.domain.positions import Position
from trading_core.paper.account import Account
from trading_core.paper.exchange import Exchange, ShownQuote, Update
from trading_core.paper.market.hours import Hours, day_after
from trading_core.paper.market.tape import TradeBar
from trading_core.paper.orders import Execution, PaperOrder, derived_id

Body = dict[str, Any]

_NEVER: Body = dict.fromkeys(
    (
        "replaced_at", "replaced_by", "replaces", "notional", "stop_price", "trail_percent",
        "trail_price", "hwm", "legs", "failed_at",
    )
)  # fmt: skip


def order_body(order: PaperOrder) -> Body:
    """Return an order."""
    request, status = order.request, order.status.value
    average, ended = order.filled_average_usd, _moment(order.ended_at)
    return {
        **_NEVER,
        "id": order.id,
        "client_order_id": request.client_order_id,
        "created_at": _moment(order.submitted_at),
        "submitted_at": _moment(order.submitted_at),
        "updated_at": _moment(order.updated_at),
        "filled_at": ended if status == "filled" else None,
        "canceled_at": ended if status == "canceled" else None,
        "expired_at": ended if status == "expired" else None,
        "asset_id": _asset_id(request.symbol),
        "asset_class": "us_equity",
        "symbol": request.symbol,
        "qty": str(request.quantity),
        "filled_qty": str(order.filled_quantity),
        "filled_avg_price": None if average is None else str(average),
        "order_class": "simple",
        "order_type": request.type.value,
        "type": request.type.value,
        "side": request.side.value,
        "time_in_force": request.time_in_force.value,
        "limit_price": None if request.limit_price_usd is None else str(request.limit_price_usd),
        "status": status,
        "extended_hours": False,
    }


def account_body(account: Account) -> Body:
    """Return the account as it stands."""
    equity, power = str(account.equity_usd()), str(account.buying_power_usd())
    return {
        "id": derived_id(account.number),
        "account_number": account.number,
        "status": "ACTIVE",
        "currency": "USD",
        "cash": str(from_ticks(account.cash_ticks)),
        "equity": equity,
        "portfolio_value": equity,
        "last_equity": str(account.last_equity_usd),
        "long_market_value": str(to_cents(account.market_value_usd(Side.BUY))),
        "short_market_value": str(to_cents(account.market_value_usd(Side.SELL))),
        "buying_power": power,
        "regt_buying_power": power,
        "multiplier": "2",
        "shorting_enabled": True,
        "account_blocked": False,
        "trading_blocked": False,
        "transfers_blocked": False,
        "trade_suspended_by_user": False,
    }


def position_body(account: Account, held: Position) -> Body:
    """Return a position at the last middle price."""
    price = account.price_usd(held.symbol)
    today = account.positions_today.get(held.symbol, held)
    unrealized, intraday = held.unrealized_pnl_usd(price), today.unrealized_pnl_usd(price)
    last_price = account.last_prices_usd.get(held.symbol, price)
    return {
        "asset_id": _asset_id(held.symbol),
        "symbol": held.symbol,
        "exchange": "NYSE",
        "asset_class": "us_equity",
        "asset_marginable": True,
        "avg_entry_price": str(held.entry_price_usd.normalize() + Decimal("0.00")),
        "qty": str(held.quantity),
        "qty_available": str(held.quantity),
        "side": "long" if held.quantity > 0 else "short",
        "market_value": str(to_cents(held.quantity * price)),
        "cost_basis": str(held.cost_basis_usd),
        "current_price": str(price),
        "lastday_price": str(last_price),
        "change_today": _share(price - last_price, last_price),
        "unrealized_pl": str(to_cents(unrealized)),
        "unrealized_plpc": _share(unrealized, held.cost_basis_usd),
        "unrealized_intraday_pl": str(to_cents(intraday)),
        "unrealized_intraday_plpc": _share(intraday, today.cost_basis_usd),
    }


def activity_id(execution: Execution) -> str:
    """Return the id of an execution's FILL activity: its time to the millisecond, and its id."""
    return f"{execution.at:%Y%m%d%H%M%S}000::{execution.id}"


def activity_body(execution: Execution) -> Body:
    """Return an execution as a FILL activity."""
    return {
        "id": activity_id(execution),
        "activity_type": "FILL",
        "type": "partial_fill" if execution.leaves else "fill",
        "transaction_time": _moment(execution.at),
        "order_id": execution.order_id,
        "order_status": "partially_filled" if execution.leaves else "filled",
        "symbol": execution.symbol,
        "side": execution.side.value,
        "qty": str(execution.quantity),
        "price": str(from_ticks(execution.price_ticks)),
        "cum_qty": str(execution.cumulative),
        "leaves_qty": str(execution.leaves),
    }


def update_body(update: Update) -> Body:
    """Return an update as a message of the trade_updates stream."""
    data: Body = {
        "event": update.event,
        "timestamp": _moment(update.order.updated_at),
        "order": order_body(update.order),
    }
    if update.execution is not None:
        data |= {
            "execution_id": update.execution.id,
            "price": str(from_ticks(update.execution.price_ticks)),
            "qty": str(update.execution.quantity),
            "position_qty": str(update.execution.position_quantity),
        }
    return {"stream": "trade_updates", "data": data}


def clock_body(exchange: Exchange) -> Body:
    """Return market time, in New York's offset."""
    hours = exchange.tape.hours
    following = day_after(hours.date)
    next_open = hours if exchange.now < hours.opens_at else following
    next_close = following if exchange.done else hours
    return {
        "timestamp": _in_new_york(exchange.now),
        "is_open": exchange.is_open,
        "next_open": _in_new_york(next_open.opens_at),
        "next_close": _in_new_york(next_close.closes_at),
    }


def calendar_body(hours: Hours, settles_on: date) -> Body:
    """Return one day of the calendar; what it trades settles on `settles_on`."""
    return {
        "date": hours.date.isoformat(),
        "open": f"{hours.opens_at.astimezone(EXCHANGE_ZONE):%H:%M}",
        "close": f"{hours.closes_at.astimezone(EXCHANGE_ZONE):%H:%M}",
        "session_open": "0400",
        "session_close": "2000",
        "settlement_date": settles_on.isoformat(),
    }


def bar_body(started_at: datetime, bar: TradeBar) -> Body:
    """Return a minute bar. Nobody counted its trades: `n` is 0, and `vw` the mean of its prices."""
    prices = bar.prices
    typical = (prices.open + prices.high + prices.low + prices.close) // 4
    return {
        "t": _moment(started_at),
        "o": _number(prices.open),
        "h": _number(prices.high),
        "l": _number(prices.low),
        "c": _number(prices.close),
        "v": bar.volume,
        "n": 0,
        "vw": _number(typical),
    }


def quote_body(shown: ShownQuote) -> Body:
    """Return a quote; a side that is not shown has price 0 and size 0."""
    state = shown.state
    return {
        "t": _moment(shown.at),
        "bp": _number(state.bid_ticks),
        "bs": state.bid_size,
        "bx": "V",
        "ap": _number(state.ask_ticks),
        "as": state.ask_size,
        "ax": "V",
        "c": ["R"],
        "z": "A",
    }


def session_body(exchange: Exchange) -> Body:
    """Return the session that is open."""
    spec, hours = exchange.spec, exchange.tape.hours
    return {
        "session_id": exchange.session_id,
        "account_number": exchange.account.number,
        "source": spec.source,
        "date": spec.date.isoformat(),
        "symbols": list(exchange.tape.symbols),
        "seed": spec.seed,
        "opens_at": _moment(hours.opens_at),
        "closes_at": _moment(hours.closes_at),
        **advance_body(exchange),
    }


def advance_body(exchange: Exchange) -> Body:
    """Return where the clock stands."""
    return {
        "now": _moment(exchange.now),
        "executions": exchange.execution_count,
        "is_open": exchange.is_open,
        "done": exchange.done,
    }


def _moment(moment: datetime | None) -> str | None:
    """Return an instant; market time has no parts of a second."""
    return None if moment is None else f"{moment:%Y-%m-%dT%H:%M:%SZ}"


def _in_new_york(moment: datetime) -> str:
    return moment.astimezone(EXCHANGE_ZONE).isoformat()


def _number(ticks: int) -> float:
    # The market data API speaks JSON numbers. A price of whole ticks is the shortest decimal of
    # its float, so a reader who parses decimals gets it back exactly.
    return float(from_ticks(ticks))


def _share(part_usd: Decimal, whole_usd: Decimal) -> str:
    return str((part_usd / abs(whole_usd)).quantize(Decimal("0.000001"))) if whole_usd else "0"


def _asset_id(symbol: str) -> str:
    return derived_id("asset", symbol)
