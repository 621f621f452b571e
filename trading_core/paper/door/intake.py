"""Reading what clients send: the shape is checked here, the sense by the exchange.

What is not understood is refused, not ignored: an order that asks for a stop and gets none is
worse than one that is refused.
"""

import json
from collections.abc import Mapping
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

from trading_core.domain.orders import OrderRequest, OrderType, Side, TimeInForce
from trading_core.errors import ConfigurationError
from trading_core.paper.market.sessions import STARTING_CASH_USD, SessionSpec
from trading_core.paper.orders import Refusal, unprocessable

_QUANTITY_MAX = 1_000_000_000
_LIMIT_USD_MAX = Decimal(1_000_000)
_ID_LENGTH_MAX = 128
_ORDER_FIELDS = frozenset(
    {
        "symbol", "qty", "side", "type", "time_in_force", "limit_price", "client_order_id",
        "extended_hours", "order_class", "position_intent",
    }
)  # fmt: skip
_SESSION_FIELDS = frozenset({"source", "directory", "date", "symbols", "seed", "cash_usd"})
_CASH_USD_MAX = Decimal(1_000_000_000)

Body = Mapping[str, Any]


def read_body(content: bytes | str) -> Body | Refusal:
    """Parse a request's JSON object, its numbers exact."""
    try:
        body = json.loads(content, parse_float=Decimal)
    except (ValueError, RecursionError):
        return Refusal(400, 40010000, "request body format is invalid")
    if not isinstance(body, dict):
        return Refusal(400, 40010000, "request body format is invalid")
    return body


def read_order(body: Body, default_client_order_id: str) -> OrderRequest | Refusal:
    """Return the order a client asks for."""
    try:
        return _order(body, default_client_order_id)
    except _UnreadableError as error:
        return unprocessable(str(error))


def read_session(body: Body) -> SessionSpec:
    """Return the session a client asks for.

    Raises:
        ConfigurationError: A field is missing, unknown or impossible.
    """
    try:
        return _session(body)
    except _UnreadableError as error:
        raise ConfigurationError(
            f"session: {error}", next_step="correct the request for a session"
        ) from None


def read_moment(text: object, name: str) -> datetime | Refusal:
    """Return an instant, UTC; a date alone is its first instant."""
    try:
        read = datetime.fromisoformat(str(text))
    except ValueError:
        return unprocessable(f"invalid {name}: expected an ISO time, was {str(text)[:40]!r}")
    if read.tzinfo is None and len(str(text)) > len("2013-10-07"):
        return unprocessable(f"invalid {name}: expected a zone, was {text}")
    return read.replace(tzinfo=read.tzinfo or UTC).astimezone(UTC)


class _UnreadableError(ValueError):
    """A field is not what it should be; the message says so."""


def _order(body: Body, default_client_order_id: str) -> OrderRequest:
    _only(body, _ORDER_FIELDS)
    if body.get("extended_hours") or body.get("order_class") not in (None, "", "simple"):
        raise _UnreadableError("extended hours and order classes are not supported")
    kind = OrderType(_one_of(body, "type", [*OrderType]))
    limit = _limit(body) if kind is OrderType.LIMIT else None
    if limit is None and body.get("limit_price") is not None:
        raise _UnreadableError("market orders must not have a limit_price")
    return OrderRequest(
        client_order_id=_client_order_id(body, default_client_order_id),
        symbol=_text(body, "symbol"),
        side=Side(_one_of(body, "side", [*Side])),
        quantity=_quantity(body),
        type=kind,
        limit_price_usd=limit,
        time_in_force=TimeInForce(_one_of(body, "time_in_force", [*TimeInForce])),
    )


def _session(body: Body) -> SessionSpec:
    _only(body, _SESSION_FIELDS)
    source = _one_of(body, "source", ["bars", "synthetic"])
    symbols, seed, cash = body.get("symbols"), body.get("seed", 0), body.get("cash_usd")
    if symbols is not None and not (
        isinstance(symbols, list) and symbols and all(isinstance(s, str) for s in symbols)
    ):
        raise _UnreadableError(f"symbols: expected a list of symbols or null, was {symbols!r}")
    if not isinstance(seed, int) or isinstance(seed, bool):
        raise _UnreadableError(f"seed: expected a whole number, was {seed!r}")
    text = _text(body, "date")
    try:
        day = date.fromisoformat(text)
    except ValueError:
        raise _UnreadableError(f"date: expected YYYY-MM-DD, was {text!r}") from None
    directory = body.get("directory")
    return SessionSpec(
        source="bars" if source == "bars" else "synthetic",
        directory=str(Path(_text(body, "directory")).absolute()) if directory else None,
        date=day,
        symbols=None if symbols is None else tuple(sorted(set(symbols))),
        seed=seed,
        cash_usd=STARTING_CASH_USD if cash is None else _cash(cash),
    )


def _only(body: Body, known: frozenset[str]) -> None:
    unknown = sorted(name for name in body if name not in known and body[name] is not None)
    if unknown:
        raise _UnreadableError(f"{', '.join(unknown)[:80]}: not supported")


def _text(body: Body, name: str) -> str:
    value = body.get(name)
    if not isinstance(value, str) or not value:
        raise _UnreadableError(f"{name} is required")
    return value


def _one_of(body: Body, name: str, allowed: list[str]) -> str:
    value = body.get(name)
    if value not in allowed:
        raise _UnreadableError(
            f"invalid {name}: expected one of {', '.join(allowed)}, was {value!r}"
        )
    return str(value)


def _client_order_id(body: Body, default: str) -> str:
    value = body.get("client_order_id") or default
    if not (isinstance(value, str) and value.isprintable() and len(value) <= _ID_LENGTH_MAX):
        raise _UnreadableError(
            f"client_order_id must be printable and no more than {_ID_LENGTH_MAX} characters"
        )
    return value


def _quantity(body: Body) -> int:
    quantity = _decimal(body, "qty")
    if quantity != quantity.to_integral_value():
        raise _UnreadableError(f"qty: expected whole shares, was {quantity}")
    if not 1 <= quantity <= _QUANTITY_MAX:
        raise _UnreadableError(f"qty must be from 1 to {_QUANTITY_MAX}")
    return int(quantity)


def _limit(body: Body) -> Decimal:
    limit = _decimal(body, "limit_price")
    if not 0 < limit <= _LIMIT_USD_MAX:
        raise _UnreadableError(f"limit price must be > 0 and at most {_LIMIT_USD_MAX}")
    # Regulation NMS, rule 612: no sub-penny quotes from a dollar up.
    step = Decimal("0.01") if limit >= 1 else Decimal("0.0001")
    if limit % step:
        raise _UnreadableError(
            f"invalid limit_price {limit}. sub-penny increment does not fulfill minimum "
            "pricing criteria"
        )
    return limit.quantize(step)


def _cash(value: object) -> Decimal:
    cash = _decimal({"cash_usd": value}, "cash_usd")
    if not 0 < cash <= _CASH_USD_MAX or cash % Decimal("0.01"):
        raise _UnreadableError(f"cash_usd: expected whole cents up to {_CASH_USD_MAX}, was {cash}")
    return cash.quantize(Decimal("0.01"))


def _decimal(body: Body, name: str) -> Decimal:
    value = body.get(name)
    if not isinstance(value, str | int | Decimal) or isinstance(value, bool):
        raise _UnreadableError(f"{name} is required")
    try:
        number = Decimal(value)
    except InvalidOperation:
        number = Decimal("NaN")
    if not number.is_finite():
        raise _UnreadableError(f"{name}: expected a number, was {str(value)[:40]!r}")
    return number
