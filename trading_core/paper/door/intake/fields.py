"""Reading what clients send: the fields of a body.

What is not understood is refused, not ignored: an order that asks for a stop and gets none is
worse than one that is refused.
"""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from trading_core.paper.orders.refusals import Refusal, unprocessable

_ID_LENGTH_MAX = 128

Body = Mapping[str, Any]


class UnreadableError(ValueError):
    """A field is not what it should be; the message says so."""


def read_body(content: bytes | str) -> Body | Refusal:
    """Parse a request's JSON object, its numbers exact."""
    try:
        body = json.loads(content, parse_float=Decimal)
    except (ValueError, RecursionError):
        return Refusal(400, 40010000, "request body format is invalid")
    if not isinstance(body, dict):
        return Refusal(400, 40010000, "request body format is invalid")
    return body


def read_moment(text: object, name: str) -> datetime | Refusal:
    """Return an instant, UTC; a date alone is its first instant."""
    try:
        read = datetime.fromisoformat(str(text))
    except ValueError:
        return unprocessable(f"invalid {name}: expected an ISO time, was {str(text)[:40]!r}")
    if read.tzinfo is None and len(str(text)) > len("2013-10-07"):
        return unprocessable(f"invalid {name}: expected a zone, was {text}")
    return read.replace(tzinfo=read.tzinfo or UTC).astimezone(UTC)


def only(body: Body, known: frozenset[str]) -> None:
    """Refuse a body that says something we would not act on."""
    unknown = sorted(name for name in body if name not in known and body[name] is not None)
    if unknown:
        raise UnreadableError(f"{', '.join(unknown)[:80]}: not supported")


def text(body: Body, name: str) -> str:
    """Return a text that has to be there."""
    value = body.get(name)
    if not isinstance(value, str) or not value:
        raise UnreadableError(f"{name} is required")
    return value


def one_of(body: Body, name: str, allowed: list[str]) -> str:
    """Return one of several words."""
    value = body.get(name)
    if value not in allowed:
        raise UnreadableError(
            f"invalid {name}: expected one of {', '.join(allowed)}, was {value!r}"
        )
    return str(value)


def client_order_id(body: Body, default: str) -> str:
    """Return the name a client gives its order, or the default when it gives none."""
    value = body.get("client_order_id") or default
    if not (isinstance(value, str) and value.isprintable() and len(value) <= _ID_LENGTH_MAX):
        raise UnreadableError(
            f"client_order_id must be printable and no more than {_ID_LENGTH_MAX} characters"
        )
    return value


def decimal(body: Body, name: str) -> Decimal:
    """Return a number that has to be there, exactly as it was written."""
    value = body.get(name)
    if not isinstance(value, str | int | Decimal) or isinstance(value, bool):
        raise UnreadableError(f"{name} is required")
    try:
        number = Decimal(value)
    except InvalidOperation:
        number = Decimal("NaN")
    if not number.is_finite():
        raise UnreadableError(f"{name}: expected a number, was {str(value)[:40]!r}")
    return number
