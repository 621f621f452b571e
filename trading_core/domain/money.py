"""Money: `Decimal` dollars in Python, integer ticks in the engine, never float.

One tick is a ten-thousandth of a dollar: the smallest price step any US equity quotes in, and
the unit of the bar files.
"""

from decimal import ROUND_HALF_EVEN, Decimal

TICKS_PER_DOLLAR = 10_000
CENT = Decimal("0.01")
MICRO_DOLLAR = Decimal("0.000001")


def to_ticks(price_usd: Decimal) -> int:
    """Return a price in ticks.

    Raises:
        ValueError: `price_usd` is finer than one tick.
    """
    ticks = price_usd * TICKS_PER_DOLLAR
    if ticks != ticks.to_integral_value():
        raise ValueError(f"price: expected a multiple of $0.0001, was {price_usd}")
    return int(ticks)


def from_ticks(ticks: int) -> Decimal:
    """Return a price in dollars, without trailing zeros beyond the cent."""
    price = Decimal(ticks) / TICKS_PER_DOLLAR
    return price.quantize(CENT) if ticks % 100 == 0 else price


def to_cents(amount_usd: Decimal) -> Decimal:
    """Round an amount to the cent, half to even."""
    return amount_usd.quantize(CENT, rounding=ROUND_HALF_EVEN)
