"""What no version of the limits can exceed, and which way each limit is loosened.

A cap is code: it changes by review and release, never by a call, an approval or a row.
"""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

# By the names of `RiskLimits`, in the units of the names.
HARD_CAPS: Mapping[str, Decimal] = {
    "order_quantity_max": Decimal(10_000),
    "order_notional_usd_max": Decimal(500_000),
    "position_quantity_max": Decimal(20_000),
    "position_notional_usd_max": Decimal(1_000_000),
    "position_concentration_max": Decimal("0.5"),
    "position_loss_usd_max": Decimal(10_000),
    "gross_exposure_usd_max": Decimal(5_000_000),
    "net_exposure_usd_max": Decimal(2_500_000),
    "leverage_max": Decimal(4),
    "short_quantity_max": Decimal(20_000),
    "short_exposure_usd_max": Decimal(1_000_000),
    "price_collar_bps_max": Decimal(2_000),
    # Warning and page lie below it.
    "daily_loss_usd_breaker": Decimal(25_000),
    "daily_loss_share_breaker": Decimal("0.1"),
    "open_orders_max": Decimal(10_000),
    "orders_per_minute_max": Decimal(100_000),
    "identical_orders_per_minute_max": Decimal(100_000),
}
# Every other limit is a most; of this one there must be at least so much.
_LEAST = frozenset({"buying_power_usd_reserve"})


def beyond_caps(body: Mapping[str, Any]) -> list[str]:
    """Return what exceeds a hard cap, each as a sentence; `body` is by the names of the limits."""
    return [
        f"{name}: expected at most the hard cap {cap}, was {body[name]}"
        for name, cap in HARD_CAPS.items()
        if body.get(name) is not None and Decimal(str(body[name])) > cap
    ]


def loosened(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    """Return the names of the limits that permit more after a change; none: it only tightens."""
    return sorted(
        name for name in before.keys() | after.keys() if _permits_more(name, before, after)
    )


def _permits_more(name: str, before: Mapping[str, Any], after: Mapping[str, Any]) -> bool:
    was, becomes = before.get(name), after.get(name)
    if was is None or becomes is None:
        return was is not None  # a limit was taken away
    more = Decimal(str(becomes)) - Decimal(str(was))
    return -more > 0 if name in _LEAST else more > 0
