"""Who may trade what: every reason for which the exchange does not take an order.

The order of the questions is the order of the answers: of several reasons the first is told.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

from trading_core.domain.orders import Side
from trading_core.paper import groups
from trading_core.paper.exchange import Exchange
from trading_core.paper.orders import refusals
from trading_core.paper.orders.order import PaperOrder
from trading_core.paper.orders.refusals import Refusal, forbidden, unprocessable
from trading_core.paper.orders.terms import OrderTerms
from trading_core.paper.orders.words import Duration, OrderClass, Status

# On-open orders are taken until two minutes before the open, on-close until ten before the close.
_OPG_MARGIN, _CLS_MARGIN = timedelta(minutes=2), timedelta(minutes=10)

_Rule = Callable[[Exchange, OrderTerms, PaperOrder | None], Refusal | None]


def refusal_of(
    exchange: Exchange, request: OrderTerms, instead_of: PaperOrder | None = None
) -> Refusal | None:
    """Return why an order would not be taken, or None.

    Args:
        instead_of: The order it shall replace: what that one holds is free for it.
    """
    if instead_of is None:
        return _first(_RULES, exchange, request, None)
    # What waits for another order needs neither shares nor money yet.
    rules = _RULES_OF_NAMES if instead_of.status is Status.HELD else _RULES
    with exchange.account.set_aside(instead_of):
        return _first(rules, exchange, request, instead_of)


def unknown(order_id: str) -> Refusal:
    """Return what is said of an order that is not there."""
    return refusals.not_found(f"order not found for {order_id}")


def refusal_to_cancel(order: PaperOrder | None, order_id: str) -> Refusal | None:
    """Return why an order cannot be taken back or replaced, or None."""
    if order is None:
        return unknown(order_id)
    if not order.is_open:
        return unprocessable(f'order is already in "{order.status}" state')
    return None


def _first(
    rules: Sequence[_Rule],
    exchange: Exchange,
    request: OrderTerms,
    instead_of: PaperOrder | None,
) -> Refusal | None:
    found = (rule(exchange, request, instead_of) for rule in rules)
    return next((refusal for refusal in found if refusal is not None), None)


def _is_duplicate(exchange: Exchange, request: OrderTerms, _: PaperOrder | None) -> Refusal | None:
    taken = exchange.account.order_by_client_id(request.client_order_id)
    return None if taken is None else refusals.duplicate()


def _is_suspended(exchange: Exchange, _: OrderTerms, __: PaperOrder | None) -> Refusal | None:
    if exchange.account.configuration.suspend_trade:
        return forbidden("new orders are rejected by user request")
    return None


def _is_unknown(exchange: Exchange, request: OrderTerms, _: PaperOrder | None) -> Refusal | None:
    if request.symbol not in exchange.tape.symbols:
        return unprocessable(f'asset "{request.symbol}" not found')
    if not exchange.account.marks.get(request.symbol):
        return unprocessable(f"{request.symbol} has not been quoted yet")
    return None


def _is_late(exchange: Exchange, request: OrderTerms, _: PaperOrder | None) -> Refusal | None:
    hours = exchange.tape.hours
    last = {
        Duration.OPG: hours.opens_at - _OPG_MARGIN,
        Duration.CLS: hours.closes_at - _CLS_MARGIN,
    }.get(request.time_in_force)
    if last is not None and exchange.now >= last:
        return forbidden(f"{request.time_in_force} orders are only accepted before {last:%H:%M}Z")
    if request.time_in_force in (Duration.IOC, Duration.FOK) and not exchange.is_open:
        return forbidden(f"{request.time_in_force} orders are only accepted during market hours")
    return None


def _is_fractional(exchange: Exchange, request: OrderTerms, _: PaperOrder | None) -> Refusal | None:
    if not request.is_fractional:
        return None
    if not exchange.account.configuration.fractional_trading:
        return forbidden("fractional trading is disabled for this account")
    held = exchange.account.quantity(request.symbol)
    if request.side is Side.SELL and held <= 0:
        return unprocessable("fractional orders cannot be sold short")
    if request.side is Side.BUY and held < 0:
        return unprocessable("fractional orders cannot cover a short position")
    return None


def _is_not_there(exchange: Exchange, request: OrderTerms, _: PaperOrder | None) -> Refusal | None:
    """Refuse to close more than is held, or to open a short position that may not be."""
    account, symbol = exchange.account, request.symbol
    held = account.quantity(symbol)
    closes = held > 0 if request.side is Side.SELL else held < 0
    if closes:
        wanted = _shares(exchange, request)
        busy = account.held_for_orders(symbol)
        if wanted > abs(held) - busy:
            return refusals.not_available(symbol, wanted, abs(held), busy)
        return None
    if request.order_class is OrderClass.OCO:
        return forbidden("oco orders must be exit orders")
    if request.side is Side.BUY:
        return None
    return _cannot_be_short(exchange, request)


def _cannot_be_short(exchange: Exchange, request: OrderTerms) -> Refusal | None:
    account, symbol = exchange.account, request.symbol
    if account.configuration.no_shorting or account.configuration.max_margin_multiplier == "1":
        return forbidden("account is not allowed to short")
    if symbol not in exchange.spec.hard_to_borrow:
        return None
    short = -min(account.quantity(symbol), Decimal(0)) + sum(
        order.remaining
        for order in account.open_orders(symbol)
        if order.is_live and order.request.side is Side.SELL
    )
    located = account.located(symbol)
    if short + _shares(exchange, request) > located:
        return forbidden(
            f'asset "{symbol}" cannot be sold short',
            located_qty=str(located),
            required_qty=refusals.plain(short + _shares(exchange, request)),
        )
    return None


def _could_meet_itself(
    exchange: Exchange, request: OrderTerms, instead_of: PaperOrder | None
) -> Refusal | None:
    own = set() if instead_of is None else groups.family(exchange.account, instead_of)
    legs = () if instead_of is not None else request.legs()
    parts = [request, *(terms for _, terms in legs)]
    for other in exchange.account.open_orders(request.symbol):
        if other.id not in own and any(_would_meet(part, other.request) for part in parts):
            return refusals.wash_trade(other.id, other.request.type.value)
    return None


def _is_too_dear(exchange: Exchange, request: OrderTerms, _: PaperOrder | None) -> Refusal | None:
    needed = exchange.account.opening_notional_usd(request)
    available = exchange.account.buying_power_usd()
    return refusals.too_dear(needed, available) if needed > available else None


_RULES_OF_NAMES: tuple[_Rule, ...] = (_is_duplicate, _is_suspended, _is_unknown)
_RULES: tuple[_Rule, ...] = (
    *_RULES_OF_NAMES,
    _is_late,
    _is_fractional,
    _is_not_there,
    _could_meet_itself,
    _is_too_dear,
)


def _shares(exchange: Exchange, request: OrderTerms) -> Decimal:
    """Return the shares an order is for; of a notional one, about how many."""
    if request.quantity is not None:
        return request.quantity
    return (request.notional_usd or Decimal(0)) / exchange.account.price_usd(request.symbol)


def _would_meet(one: OrderTerms, other: OrderTerms) -> bool:
    """Whether two orders of one account could trade with each other."""
    if one.symbol != other.symbol or one.side is other.side:
        return False
    buy, sell = (one, other) if one.side is Side.BUY else (other, one)
    if buy.limit_price_usd is None or sell.limit_price_usd is None:
        return True
    return buy.limit_price_usd >= sell.limit_price_usd


def terms_left(order: PaperOrder, changes: Mapping[str, Any]) -> OrderTerms | Refusal:
    """Return the terms of the order that takes the place of another one.

    A quantity names the whole order, as it was sent first; what is filled of it counts.
    """
    if order.request.is_fractional or order.quantity is None:
        return unprocessable("fractional and notional orders cannot be replaced")
    left = changes.get("quantity", order.quantity) - order.filled_quantity
    if left <= 0:
        filled = refusals.plain(order.filled_quantity)
        return unprocessable(f"qty must be more than the {filled} that are filled")
    return replace(order.request, **{**changes, "quantity": left})
