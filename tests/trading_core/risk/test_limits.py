"""Limits are complete, positive and in order, or they are not limits."""

from decimal import Decimal
from typing import Any

import pytest

from trading_core.errors import ConfigurationError
from trading_core.risk.limits import RiskLimits

BODY: dict[str, Any] = {
    "order_quantity_max": 500,
    "order_notional_usd_max": "25000.00",
    "position_quantity_max": 1000,
    "position_notional_usd_max": "50000.00",
    "price_collar_bps_max": 500,
    "daily_loss_usd_warn": "4000.00",
    "daily_loss_usd_page": "4500.00",
    "daily_loss_usd_breaker": "5000.00",
}


@pytest.mark.parametrize("name", sorted(BODY))
def test_a_missing_limit_is_named(name: str) -> None:
    with pytest.raises(ConfigurationError, match=name):
        RiskLimits.parse({key: value for key, value in BODY.items() if key != name})


@pytest.mark.parametrize("name", sorted(BODY))
@pytest.mark.parametrize("value", [0, -1, "NaN", None])
def test_a_limit_of_nothing_is_refused(name: str, value: object) -> None:
    with pytest.raises(ConfigurationError, match=name):
        RiskLimits.parse({**BODY, name: value})


def test_a_limit_nobody_knows_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="order_quantty_max"):
        RiskLimits.parse({**BODY, "order_quantty_max": 5})


def test_the_breaker_cannot_lie_below_the_page() -> None:
    with pytest.raises(ConfigurationError, match="warn < page < breaker"):
        RiskLimits.parse({**BODY, "daily_loss_usd_breaker": "4500.00"})


@pytest.mark.parametrize(
    ("pnl_usd", "level"),
    [
        ("10", "ok"),
        ("-3999.99", "ok"),
        ("-4000", "warning"),
        ("-4500", "critical"),
        ("-4999.99", "critical"),
        ("-5000", "breaker"),
    ],
)
def test_a_loss_reaches_its_level_to_the_cent(pnl_usd: str, level: str) -> None:
    assert RiskLimits.parse(BODY).loss_level(Decimal(pnl_usd)) == level
