"""Reading orders, and changes of orders."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from trading_core.domain.orders import Side
from trading_core.paper.door.intake.fields import (
    Body,
    UnreadableError,
    client_order_id,
    decimal,
    one_of,
    only,
    text,
)
from trading_core.paper.orders.order import PaperOrder
from trading_core.paper.orders.refusals import Refusal, unprocessable
from trading_core.paper.orders.terms import OrderTerms
from trading_core.paper.orders.words import Duration, OrderClass, OrderKind

_QUANTITY_MAX = 1_000_000_000
_PRICE_USD_MAX = Decimal(1_000_000)
_NANO_SHARE = Decimal("0.000000001")
_CENT = Decimal("0.01")
_ORDER_FIELDS = frozenset(
    {
        "symbol", "qty", "notional", "side", "type", "time_in_force", "limit_price", "stop_price",
        "trail_price", "trail_percent", "client_order_id", "extended_hours", "order_class",
        "take_profit", "stop_loss", "position_intent",
    }
)  # fmt: skip
_CHANGE_FIELDS = frozenset(
    {"qty", "time_in_force", "limit_price", "stop_price", "trail", "client_order_id"}
)
# The prices each kind of order has, and must have.
_PRICES: Mapping[OrderKind, frozenset[str]] = {
    OrderKind.MARKET: frozenset(),
    OrderKind.LIMIT: frozenset({"limit_price"}),
    OrderKind.STOP: frozenset({"stop_price"}),
    OrderKind.STOP_LIMIT: frozenset({"limit_price", "stop_price"}),
    OrderKind.TRAILING_STOP: frozenset({"trail_price", "trail_percent"}),
}
_RESTING = (Duration.DAY, Duration.GTC)
_PLAIN_KINDS = (OrderKind.MARKET, OrderKind.LIMIT)


def read_order(body: Body, default_client_order_id: str) -> OrderTerms | Refusal:
    """Return the order a client asks for."""
    try:
        terms = _terms(body, default_client_order_id)
        _check_kind(terms)
        _check_class(terms)
        _check_quantity(terms)
    except UnreadableError as error:
        return unprocessable(str(error))
    return terms


def read_changes(body: Body, order: PaperOrder, spare_id: str) -> dict[str, Any] | Refusal:
    """Return the fields of an order's terms that a client wants changed."""
    try:
        return _changes(body, order, spare_id)
    except UnreadableError as error:
        return unprocessable(str(error))


def _terms(body: Body, default_client_order_id: str) -> OrderTerms:
    only(body, _ORDER_FIELDS)
    order_class = OrderClass(
        one_of({"order_class": "simple"} | _given(body), "order_class", _CLASSES)
    )
    profit, loss = _leg(body, "take_profit", {"limit_price"}), _leg(body, "stop_loss", _LOSS_FIELDS)
    if order_class is OrderClass.OCO:
        # The order of an OCO is its profit leg, wherever its limit is said.
        body = {**body, "limit_price": body.get("limit_price") or profit.get("limit_price")}
    kind = OrderKind(one_of(body, "type", [*OrderKind]))
    prices = _prices(body, kind)
    return OrderTerms(
        client_order_id=client_order_id(body, default_client_order_id),
        symbol=text(body, "symbol"),
        side=Side(one_of(body, "side", [*Side])),
        quantity=_quantity(body) if body.get("notional") is None else None,
        type=kind,
        limit_price_usd=prices.get("limit_price"),
        time_in_force=Duration(one_of(body, "time_in_force", [*Duration])),
        stop_price_usd=prices.get("stop_price"),
        trail_price_usd=prices.get("trail_price"),
        trail_percent=prices.get("trail_percent"),
        notional_usd=None if body.get("notional") is None else _notional(body),
        extended_hours=_flag(body, "extended_hours"),
        order_class=order_class,
        take_profit_usd=_optional_price(profit, "limit_price"),
        stop_loss_usd=_optional_price(loss, "stop_price"),
        stop_loss_limit_usd=_optional_price(loss, "limit_price"),
    )


_CLASSES: list[str] = [*OrderClass]
_LOSS_FIELDS = {"stop_price", "limit_price"}


def _given(body: Body) -> dict[str, Any]:
    return {name: value for name, value in body.items() if value not in (None, "")}


def _changes(body: Body, order: PaperOrder, spare_id: str) -> dict[str, Any]:
    only(body, _CHANGE_FIELDS)
    asked = _given(body)
    kind = order.request.type
    changes: dict[str, Any] = {"client_order_id": client_order_id(body, spare_id)}
    if "qty" in asked:
        changes["quantity"] = _quantity(body)
        if changes["quantity"] != changes["quantity"].to_integral_value():
            raise UnreadableError("qty must be integer")
    if "time_in_force" in asked:
        changes["time_in_force"] = Duration(one_of(body, "time_in_force", [*_RESTING]))
    for name in ("limit_price", "stop_price"):
        if name in asked:
            if name not in _PRICES[kind]:
                raise UnreadableError(f"{kind} orders must not have a {name}")
            changes[f"{name}_usd"] = _price(body, name)
    if "trail" in asked:
        if kind is not OrderKind.TRAILING_STOP:
            raise UnreadableError(f"{kind} orders must not have a trail")
        by_price = order.request.trail_price_usd is not None
        changes["trail_price_usd" if by_price else "trail_percent"] = _trail(body, "trail")
    return changes


def _prices(body: Body, kind: OrderKind) -> dict[str, Decimal]:
    names = _PRICES[kind]
    for name in ("limit_price", "stop_price", "trail_price", "trail_percent"):
        if name not in names and body.get(name) is not None:
            raise UnreadableError(f"{kind} orders must not have a {name}")
    if kind is not OrderKind.TRAILING_STOP:
        return {name: _price(body, name) for name in names}
    given = [name for name in names if body.get(name) is not None]
    if len(given) != 1:
        raise UnreadableError("trailing stop orders need one of trail_price and trail_percent")
    return {given[0]: _trail(body, given[0])}


def _flag(body: Body, name: str) -> bool:
    value = body.get(name)
    if value not in (None, True, False):
        raise UnreadableError(f"{name}: expected true or false, was {str(value)[:40]!r}")
    return value is True


def _leg(body: Body, name: str, known: set[str]) -> Body:
    leg = body.get(name)
    if leg is None:
        return {}
    if not isinstance(leg, dict):
        raise UnreadableError(f"{name}: expected an object, was {str(leg)[:40]!r}")
    only(leg, frozenset(known))
    return leg


def _check_kind(terms: OrderTerms) -> None:
    kind, duration = terms.type, terms.time_in_force
    if duration not in _RESTING and kind not in _PLAIN_KINDS:
        raise UnreadableError(f"{duration} orders must be market or limit orders")
    if terms.extended_hours and (kind is not OrderKind.LIMIT or duration not in _RESTING):
        raise UnreadableError("extended hours order must be DAY or GTC limit orders")


def _check_class(terms: OrderTerms) -> None:
    kind, profit, loss = terms.order_class, terms.take_profit_usd, terms.stop_loss_usd
    if kind is OrderClass.SIMPLE:
        if profit is not None or loss is not None:
            raise UnreadableError("simple orders must not have take_profit or stop_loss")
        return
    if terms.extended_hours or terms.time_in_force not in _RESTING:
        raise UnreadableError(f"{kind} orders must be DAY or GTC orders of regular hours")
    if kind is OrderClass.OTO and (profit is None) == (loss is None):
        raise UnreadableError("oto orders require either take_profit or stop_loss")
    if kind is not OrderClass.OTO and (profit is None or loss is None):
        raise UnreadableError(
            f"{kind} orders require take_profit.limit_price and stop_loss.stop_price"
        )
    if kind is OrderClass.OCO and terms.type is not OrderKind.LIMIT:
        raise UnreadableError("oco orders must be limit orders")
    _check_legs(terms)


def _check_legs(terms: OrderTerms) -> None:
    """See that profit lies on the gaining side of the entry, and the stop on the other."""
    profit, loss = terms.take_profit_usd, terms.stop_loss_usd
    # Closing a short position, profit is below and loss above.
    long = (terms.side is Side.BUY) != (terms.order_class is OrderClass.OCO)
    above, below = (">", "<") if long else ("<", ">")
    sign = 1 if long else -1
    if profit is not None and loss is not None and sign * profit <= sign * loss:
        raise UnreadableError(f"take_profit.limit_price must be {above} stop_loss.stop_price")
    base = terms.limit_price_usd or terms.stop_price_usd
    if base is None or terms.order_class is OrderClass.OCO:
        return
    if profit is not None and sign * (profit - base) < _CENT:
        raise UnreadableError(
            f"take_profit.limit_price must be {above}= base_price {'+' if long else '-'} 0.01"
        )
    if loss is not None and sign * (base - loss) < _CENT:
        raise UnreadableError(
            f"stop_loss.stop_price must be {below}= base_price {'-' if long else '+'} 0.01"
        )


def _check_quantity(terms: OrderTerms) -> None:
    if not terms.is_fractional:
        return
    if terms.time_in_force is not Duration.DAY:
        raise UnreadableError("fractional orders must be DAY orders")
    if terms.order_class is not OrderClass.SIMPLE or terms.type is OrderKind.TRAILING_STOP:
        raise UnreadableError("fractional orders must be simple orders")
    if terms.quantity is None and terms.type is not OrderKind.MARKET:
        raise UnreadableError("notional orders must be market orders")


def _quantity(body: Body) -> Decimal:
    quantity = decimal(body, "qty")
    if not 0 < quantity <= _QUANTITY_MAX:
        raise UnreadableError(f"qty must be > 0 and at most {_QUANTITY_MAX}")
    if quantity % _NANO_SHARE:
        raise UnreadableError("qty: expected at most nine decimals")
    whole = quantity == quantity.to_integral_value()
    return quantity.quantize(Decimal(1)) if whole else quantity.normalize()


def _notional(body: Body) -> Decimal:
    if body.get("qty") is not None:
        raise UnreadableError("only one of qty or notional is accepted")
    notional = decimal(body, "notional")
    if not 1 <= notional <= _QUANTITY_MAX or notional % _CENT:
        raise UnreadableError("notional amount must be >= 1.00, in whole cents")
    return notional.quantize(_CENT)


def _trail(body: Body, name: str) -> Decimal:
    trail = decimal(body, name)
    if name == "trail_percent" and not 0 < trail < 100:
        raise UnreadableError("trail_percent must be > 0 and < 100")
    if trail % _CENT or not 0 < trail <= _PRICE_USD_MAX:
        raise UnreadableError(f"{name} must be > 0, in steps of 0.01")
    return trail.quantize(_CENT)


def _optional_price(body: Body, name: str) -> Decimal | None:
    return None if body.get(name) is None else _price(body, name)


def _price(body: Body, name: str) -> Decimal:
    price = decimal(body, name)
    if not 0 < price <= _PRICE_USD_MAX:
        raise UnreadableError(f"{name.replace('_', ' ')} must be > 0 and at most {_PRICE_USD_MAX}")
    # Regulation NMS, rule 612: no sub-penny quotes from a dollar up.
    step = _CENT if price >= 1 else Decimal("0.0001")
    if price % step:
        raise UnreadableError(
            f"invalid {name} {price}. sub-penny increment does not fulfill minimum pricing criteria"
        )
    return price.quantize(step)
