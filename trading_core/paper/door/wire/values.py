"""How single values are written: trading in decimal strings, market data in numbers."""

from datetime import datetime
from decimal import Decimal
from functools import lru_cache
from typing import Any

from trading_core.clock import EXCHANGE_ZONE
from trading_core.domain.money import from_ticks
from trading_core.paper.orders.order import derived_id
from trading_core.paper.orders.refusals import plain

Body = dict[str, Any]


@lru_cache(maxsize=1024)
def moment(at: datetime | None) -> str | None:
    """Return an instant; market time has no parts of a second."""
    return None if at is None else f"{at:%Y-%m-%dT%H:%M:%SZ}"


def in_new_york(at: datetime) -> str:
    """Return an instant in New York's offset."""
    return at.astimezone(EXCHANGE_ZONE).isoformat()


def number(ticks: int) -> float:
    """Return a price as market data has it, in dollars."""
    # A price of whole ticks is the shortest decimal of its float, so a reader who parses decimals
    # gets it back exactly.
    return float(from_ticks(ticks))


def money(amount_usd: Decimal) -> str:
    """Return dollars, with two decimals or as many as they have."""
    return f"{amount_usd.normalize() + Decimal('0.00'):f}"


def optional(value: Decimal | None) -> str | None:
    """Return a number as text, if there is one."""
    return None if value is None else f"{value:f}"


def shares(quantity: Decimal | None) -> str | None:
    """Return a number of shares, if it is known."""
    return None if quantity is None else plain(quantity)


def share_of(part_usd: Decimal, whole_usd: Decimal) -> str:
    """Return a part of a whole to six decimals; 0 of nothing."""
    return str((part_usd / abs(whole_usd)).quantize(Decimal("0.000001"))) if whole_usd else "0"


@lru_cache(maxsize=1024)
def asset_id(symbol: str) -> str:
    """Return the id of a symbol."""
    return derived_id("asset", symbol)
