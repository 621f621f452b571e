"""Limits for another volatility: what is risked stays, so sizes go the other way (TRD-10)."""

from collections.abc import Mapping
from decimal import ROUND_DOWN, Decimal
from typing import Any

from trading_core.domain.money import CENT
from trading_core.risk.caps import HARD_CAPS

# Sizes. Losses, rates, collars and shares of equity are what is risked, and stay.
SIZES = (
    "order_quantity_max",
    "order_notional_usd_max",
    "position_quantity_max",
    "position_notional_usd_max",
    "gross_exposure_usd_max",
    "net_exposure_usd_max",
    "short_exposure_usd_max",
)


def scaled(body: Mapping[str, Any], volatility_ratio: Decimal) -> dict[str, Any]:
    """Return the sizes of a set of limits at another volatility, none beyond its hard cap.

    Args:
        volatility_ratio: Volatility now over what the limits were made for: at 1.2 the market moves
            a fifth more, and a position may be a sixth smaller.
    """
    return {
        name: _sized(name, Decimal(str(body[name])) / volatility_ratio)
        for name in SIZES
        if body.get(name) is not None
    }


def _sized(name: str, size: Decimal) -> Decimal | int:
    capped = min(size, HARD_CAPS[name])
    if name.endswith("_quantity_max"):
        return max(1, int(capped))
    return capped.quantize(CENT, ROUND_DOWN)
