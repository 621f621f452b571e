"""The reasons the exchange has for saying no, in Alpaca's numbers and words."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a request is not carried out; nothing has changed.

    Attributes:
        status: The HTTP status that says it.
        code: Alpaca's number for it.
        facts: What else the answer's body tells.
    """

    status: int
    code: int
    message: str
    facts: Mapping[str, Any] = field(default_factory=dict)

    def body(self) -> dict[str, Any]:
        """Return the answer's body."""
        return {"code": self.code, "message": self.message, **self.facts}


def duplicate() -> Refusal:
    """Refuse an order whose client order id is taken."""
    return Refusal(422, 40010001, "client_order_id must be unique")


def forbidden(message: str, **facts: Any) -> Refusal:
    """Refuse what the account may not do."""
    return Refusal(403, 40310000, message, facts)


def not_found(message: str) -> Refusal:
    """Refuse what names something that is not there."""
    return Refusal(404, 40410000, message)


def unprocessable(message: str) -> Refusal:
    """Refuse what makes no sense."""
    return Refusal(422, 42210000, message)


def too_dear(needed_usd: Decimal, available_usd: Decimal) -> Refusal:
    """Refuse what the account cannot pay for."""
    return forbidden(
        "insufficient buying power",
        buying_power=str(available_usd),
        cost_basis=str(needed_usd),
    )


def not_available(symbol: str, requested: Decimal, existing: Decimal, held: Decimal) -> Refusal:
    """Refuse to close more of a position than is there and free.

    Args:
        existing: Shares of the position, its sign left out.
        held: Those that open orders will close already.
    """
    available = max(existing - held, Decimal(0))
    return forbidden(
        "insufficient qty available for order "
        f"(requested: {plain(requested)}, available: {plain(available)})",
        available=plain(available),
        existing_qty=plain(existing),
        held_for_orders=plain(held),
        symbol=symbol,
    )


def wash_trade(existing_order_id: str, kind: str) -> Refusal:
    """Refuse an order that could trade with another of the same account."""
    return forbidden(
        "potential wash trade detected. use complex orders",
        existing_order_id=existing_order_id,
        reject_reason=f"opposite side {kind} order exists",
    )


def plain(number: Decimal) -> str:
    """Return a number without an exponent or trailing zeros."""
    text = f"{number:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
