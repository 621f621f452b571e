"""Reading the exchange's JSON: strict about what we use, indifferent to the rest.

An answer that lacks a field or has an impossible one is `Unreachable`: its sender's state is
unknown to us. Numbers become `Decimal` before anything can round them.
"""

import json
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, time
from decimal import Decimal, InvalidOperation
from functools import wraps
from typing import Any, ParamSpec, TypeVar

from trading_core.broker.contract import Account, HeldPosition, MarketClock, TradingHours
from trading_core.clock import EXCHANGE_ZONE
from trading_core.domain.activities import Activity, ActivityKind
from trading_core.domain.fills import Fill
from trading_core.domain.market import Bar, Halt, Quote
from trading_core.domain.orders import (
    Order,
    OrderRequest,
    OrderStatus,
    OrderType,
    Side,
    TimeInForce,
)
from trading_core.domain.shares import shares
from trading_core.errors import Unreachable

Answer = Mapping[str, Any]
_P = ParamSpec("_P")
_R = TypeVar("_R")

_UNREADABLE = (AttributeError, KeyError, TypeError, ValueError, InvalidOperation)

# Alpaca's finer distinctions, told in our words.
_STATUS = {
    "accepted": OrderStatus.NEW,
    "accepted_for_bidding": OrderStatus.NEW,
    "calculated": OrderStatus.NEW,
    "held": OrderStatus.NEW,
    "new": OrderStatus.NEW,
    "pending_cancel": OrderStatus.NEW,
    "pending_new": OrderStatus.NEW,
    "pending_replace": OrderStatus.NEW,
    "suspended": OrderStatus.NEW,
    "partially_filled": OrderStatus.PARTIALLY_FILLED,
    "filled": OrderStatus.FILLED,
    "canceled": OrderStatus.CANCELED,
    "done_for_day": OrderStatus.EXPIRED,
    "expired": OrderStatus.EXPIRED,
    "replaced": OrderStatus.CANCELED,
    "stopped": OrderStatus.NEW,
    "rejected": OrderStatus.REJECTED,
}
# A stop is an order that waits for its price: what it becomes is what it is to us.
_TYPE = {
    "market": OrderType.MARKET,
    "stop": OrderType.MARKET,
    "trailing_stop": OrderType.MARKET,
    "limit": OrderType.LIMIT,
    "stop_limit": OrderType.LIMIT,
}
# By the first three letters: DIVNRA is a dividend too, PTC a pass-through fee.
_ACTIVITY = {
    "FEE": ActivityKind.FEE,
    "CFE": ActivityKind.FEE,
    "PTC": ActivityKind.FEE,
    "DIV": ActivityKind.DIVIDEND,
    "INT": ActivityKind.DIVIDEND,
    "SPL": ActivityKind.SPLIT,
}
_HALTED, _TRADES_AGAIN = ("H", "P", "2"), ("T", "3")
# Whatever does not outlive its day.
_TIME_IN_FORCE = dict.fromkeys(("day", "opg", "cls", "ioc", "fok"), TimeInForce.DAY) | {
    "gtc": TimeInForce.GTC
}


def reading(what: str) -> Callable[[Callable[_P, _R]], Callable[_P, _R]]:
    """Make a reader of answers raise `Unreachable`, naming `what`, for anything unreadable."""

    def guard(read: Callable[_P, _R]) -> Callable[_P, _R]:
        @wraps(read)
        def guarded(*args: _P.args, **kwargs: _P.kwargs) -> _R:
            try:
                return read(*args, **kwargs)
            except _UNREADABLE as error:
                raise _nonsense(what, "of Alpaca's shape", args) from error

        return guarded

    return guard


def read_json(text: str | bytes) -> Any:
    """Parse JSON without passing any number through a float.

    Raises:
        Unreachable: It is not JSON.
    """
    try:
        return json.loads(text, parse_float=Decimal)
    except (ValueError, RecursionError) as error:
        raise _nonsense("answer", "JSON", text[:80]) from error


def read_rows(answer: Any) -> list[Answer]:
    """Return an answer that is a list of objects.

    Raises:
        Unreachable: It is something else.
    """
    if not isinstance(answer, list) or not all(isinstance(row, dict) for row in answer):
        raise _nonsense("answer", "a list of objects", answer)
    return answer


@reading("order")
def read_order(body: Answer) -> Order:
    """Return an order and where it stands."""
    limit, average = body["limit_price"], body["filled_avg_price"]
    request = OrderRequest(
        client_order_id=str(body["client_order_id"]),
        symbol=str(body["symbol"]),
        side=Side(body["side"]),
        quantity=shares(_quantity(body)),
        type=_TYPE[body["type"]],
        limit_price_usd=None if limit is None else Decimal(limit),
        time_in_force=_TIME_IN_FORCE[body["time_in_force"]],
    )
    return Order(
        request=request,
        status=_STATUS[body["status"]],
        exchange_order_id=str(body["id"]),
        filled_quantity=shares(body["filled_qty"]),
        filled_average_price_usd=None if average is None else Decimal(average),
        submitted_at=moment(body["submitted_at"]),
    )


@reading("cancelled order")
def read_cancelled(body: Answer) -> bool:
    """Return whether one order of several could be cancelled."""
    return bool(body["id"]) and int(body["status"]) < 300


@reading("FILL activity")
def read_fill(activity: Answer, client_order_id: str) -> Fill:
    """Return the fill of a FILL activity, which names the order by the exchange's id only."""
    return Fill(
        execution_id=str(activity["id"]).rpartition("::")[2],
        client_order_id=client_order_id,
        symbol=str(activity["symbol"]),
        side=Side(activity["side"]),
        quantity=shares(activity["qty"]),
        price_usd=Decimal(activity["price"]),
        executed_at=moment(activity["transaction_time"]),
    )


@reading("activity")
def read_activity(body: Answer) -> Activity:
    """Return an activity that is no fill. Interest counts as a dividend, deposits as no profit."""
    kind = str(body["activity_type"])
    return Activity(
        activity_id=str(body["id"]).rpartition("::")[2],
        kind=_ACTIVITY.get(kind[:3], ActivityKind.OTHER),
        on=date.fromisoformat(body["date"]),
        symbol=str(body.get("symbol") or ""),
        quantity=shares(body["qty"]) if kind.startswith("SPL") and body.get("qty") else 0,
        amount_usd=Decimal(body.get("net_amount") or 0),
        description=str(body.get("description") or kind),
    )


@reading("trade update")
def read_update_fill(data: Answer, order: Order) -> Fill:
    """Return the fill that a trade update of event fill or partial_fill carries."""
    return Fill(
        execution_id=str(data["execution_id"]),
        client_order_id=order.request.client_order_id,
        symbol=order.request.symbol,
        side=order.request.side,
        quantity=shares(data["qty"]),
        price_usd=Decimal(data["price"]),
        executed_at=moment(data["timestamp"]),
    )


@reading("account")
def read_account(body: Answer) -> Account:
    """Return the account."""
    return Account(
        account_number=str(body["account_number"]),
        status=str(body["status"]),
        cash_usd=Decimal(body["cash"]),
        equity_usd=Decimal(body["equity"]),
        last_equity_usd=Decimal(body["last_equity"]),
        buying_power_usd=Decimal(body["buying_power"]),
        is_blocked=any(body.get(f"{what}_blocked") for what in ("account", "trading")),
    )


@reading("clock")
def read_clock(body: Answer) -> MarketClock:
    """Return market time."""
    return MarketClock(
        now=moment(body["timestamp"]),
        is_open=bool(body["is_open"]),
        next_open=moment(body["next_open"]),
        next_close=moment(body["next_close"]),
    )


@reading("calendar day")
def read_trading_hours(body: Answer) -> TradingHours:
    """Return one day of the calendar, its New York wall times as instants."""
    day = date.fromisoformat(body["date"])
    return TradingHours(
        date=day,
        opens_at=_wall_time(day, body["open"]),
        closes_at=_wall_time(day, body["close"]),
    )


@reading("position")
def read_position(body: Answer) -> HeldPosition:
    """Return a held position."""
    return HeldPosition(
        symbol=str(body["symbol"]),
        quantity=shares(body["qty"]),
        entry_price_usd=Decimal(body["avg_entry_price"]),
        cost_basis_usd=Decimal(body["cost_basis"]),
        current_price_usd=Decimal(body["current_price"]),
        market_value_usd=Decimal(body["market_value"]),
    )


@reading("page of bars")
def read_bars(page: Answer) -> tuple[list[Bar], str | None]:
    """Return the bars of a page, and the token of the next one if there is one."""
    bars = [read_bar(symbol, bar) for symbol, rows in page["bars"].items() for bar in rows]
    return bars, page["next_page_token"] or None


@reading("quotes")
def read_quotes(body: Answer) -> dict[str, Quote]:
    """Return quotes by symbol."""
    return {symbol: read_quote(symbol, quote) for symbol, quote in body["quotes"].items()}


@reading("bar")
def read_bar(symbol: str, body: Answer) -> Bar:
    """Return a minute bar of the market data API or its stream."""
    return Bar(
        symbol=symbol,
        started_at=moment(body["t"]),
        open_usd=Decimal(body["o"]),
        high_usd=Decimal(body["h"]),
        low_usd=Decimal(body["l"]),
        close_usd=Decimal(body["c"]),
        volume=_whole(body["v"]),
    )


@reading("quote")
def read_quote(symbol: str, body: Answer) -> Quote:
    """Return a quote of the market data API or its stream; an absent side is price 0, size 0."""
    return Quote(
        symbol=symbol,
        at=moment(body["t"]),
        bid_usd=Decimal(body["bp"]),
        bid_size=_whole(body["bs"]),
        ask_usd=Decimal(body["ap"]),
        ask_size=_whole(body["as"]),
    )


@reading("status")
def read_halt(symbol: str, body: Answer) -> Halt | None:
    """Return what a status of the stream says of trading; None: it is about something else.

    The codes are the tapes': of the one H, P (a pause) and T, of the two others 2 and 3.
    """
    code = str(body["sc"])
    if code not in _HALTED and code not in _TRADES_AGAIN:
        return None
    reason = str(body.get("rm") or body.get("sm") or "")
    return Halt(symbol, moment(body["t"]), code in _HALTED, reason)


def moment(text: str) -> datetime:
    """Return an instant, UTC.

    Raises:
        ValueError: It is not a time, or has no zone.
    """
    read = datetime.fromisoformat(text)
    if read.tzinfo is None:
        raise ValueError(f"moment: expected one with a zone, was {text}")
    return read.astimezone(UTC)


def _wall_time(day: date, text: str) -> datetime:
    wall = datetime.combine(day, time.fromisoformat(text), EXCHANGE_ZONE)
    return wall.astimezone(UTC)


def _quantity(body: Answer) -> str:
    """Return what an order is for; of one for so many dollars, what is filled, or one share."""
    if body["qty"] is not None:
        return str(body["qty"])
    return "1" if Decimal(body["filled_qty"]) == 0 else str(body["filled_qty"])


def _whole(value: object) -> int:
    count = shares(str(value))
    if not isinstance(count, int):
        raise ValueError(f"quantity: expected whole shares, was {value}")
    return count


def _nonsense(what: str, expected: str, found: object) -> Unreachable:
    return Unreachable(
        f"exchange: expected {what} to be {expected}, was {found!r}",
        next_step="check that the endpoint is the exchange: `tradeops status`",
    )
