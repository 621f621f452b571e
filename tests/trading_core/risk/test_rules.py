"""The desk's rules beside the engine's: each refuses one order more than its limit allows."""

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from trading_core.domain.orders import Order, OrderRequest, OrderStatus, OrderType, Side
from trading_core.domain.positions import Position
from trading_core.risk.context import OrderContext
from trading_core.risk.gate import Gate
from trading_core.risk.limits import RiskLimits

LIMITS = RiskLimits(
    order_quantity_max=1_000,
    order_notional_usd_max=Decimal(100_000),
    position_quantity_max=5_000,
    position_notional_usd_max=Decimal(500_000),
    price_collar_bps_max=500,
    daily_loss_usd_warn=Decimal(4_000),
    daily_loss_usd_page=Decimal(4_500),
    daily_loss_usd_breaker=Decimal(5_000),
    position_loss_usd_max=Decimal(1_000),
    position_concentration_max=Decimal("0.12"),
    net_exposure_usd_max=Decimal(60_000),
    leverage_max=Decimal("1.5"),
    short_exposure_usd_max=Decimal(20_000),
    identical_orders_per_minute_max=2,
    buying_power_usd_reserve=Decimal(5_000),
)
CALM = OrderContext(Decimal(100), equity_usd=Decimal(100_000), buying_power_usd=Decimal(200_000))


def order(side: Side = Side.BUY, quantity: int = 10) -> OrderRequest:
    return OrderRequest("id", "SPY", side, quantity)


def resting(side: Side, quantity: int, symbol: str = "QQQ") -> Order:
    request = OrderRequest("open", symbol, side, quantity, OrderType.LIMIT, Decimal(100))
    at = datetime(2024, 3, 5, 14, 30, tzinfo=UTC)
    return Order(request, OrderStatus.NEW, None, 0, None, at)


def held(symbol: str, quantity: int, price_usd: int = 100) -> Position:
    return Position(symbol, quantity, Decimal(quantity * price_usd))


CASES = [
    (order(quantity=120), {}, ""),
    (
        order(quantity=121),
        {},
        ("POSITION_CONCENTRATION: expected at most 0.12 of equity $100000, was $12100"),
    ),
    (
        order(),
        {"equity_usd": None},
        ("EQUITY_UNKNOWN: expected the account's equity to be known, was not"),
    ),
    (order(), {"identical_in_minute": 1}, ""),
    (
        order(),
        {"identical_in_minute": 2},
        ("DUPLICATE_ORDER: expected at most 2 alike a minute, was one after 2"),
    ),
    (order(), {"positions": [held("QQQ", 590)]}, ""),
    (
        order(),
        {"positions": [held("QQQ", 591)]},
        ("NET_EXPOSURE: expected at most $60000, was $60100"),
    ),
    (
        order(),
        {"positions": [held("QQQ", 400)], "open_orders": [resting(Side.BUY, 191)]},
        "NET_EXPOSURE: expected at most $60000, was $60100",
    ),
    (
        order(Side.SELL),
        {"positions": [held("QQQ", -191)]},
        ("SHORT_EXPOSURE: expected at most $20000, was $20100"),
    ),
    (
        order(),
        {"positions": [held("QQQ", 500), held("IWM", -991)]},
        ("LEVERAGE: expected at most 1.5 times equity $100000, was $150100"),
    ),
    (order(), {"buying_power_usd": Decimal(6_000)}, ""),
    (
        order(),
        {"buying_power_usd": Decimal("5999.99")},
        ("BUYING_POWER: expected at least $5000 left, would be $4999.99"),
    ),
    (
        order(),
        {"buying_power_usd": None},
        ("BUYING_POWER_UNKNOWN: expected the account's buying power to be known, was not"),
    ),
    (
        order(),
        {"positions": [held("SPY", 50, 120)]},
        ("POSITION_LOSS: expected a loss below $1000, was $1000"),
    ),
    (
        order(Side.SELL),
        {"positions": [held("SPY", -50, 80)]},
        ("POSITION_LOSS: expected a loss below $1000, was $1000"),
    ),
    (order(), {"positions": [held("SPY", 50, 119)]}, ""),
]


@pytest.mark.parametrize(("asked", "changes", "sentence"), CASES)
def test_an_order_over_a_rule_is_refused_with_rule_and_numbers(
    asked: OrderRequest, changes: dict[str, object], sentence: str
) -> None:
    verdict = Gate(LIMITS).check(asked, replace(CALM, **changes))  # type: ignore[arg-type]
    assert (verdict.sentence, verdict.passed) == (sentence or "within every limit", not sentence)


@pytest.mark.parametrize("side", Side)
def test_a_desk_over_every_rule_may_still_reduce(side: Side) -> None:
    long = 3_000 if side is Side.SELL else -3_000
    over = OrderContext(
        Decimal(100), Decimal(-90_000), [held("SPY", long, 150), held("QQQ", 9_000)]
    )
    assert Gate(LIMITS).check(order(side, 1_000), over).passed


def test_the_lower_of_dollars_and_share_of_equity_stops_the_day() -> None:
    limits = LIMITS.model_copy(update={"daily_loss_share_breaker": Decimal("0.05")})
    assert limits.on_equity(Decimal(100_000)).daily_loss_usd_breaker == 5_000
    lower = limits.on_equity(Decimal(50_000))
    levels = (lower.daily_loss_usd_warn, lower.daily_loss_usd_page, lower.daily_loss_usd_breaker)
    assert levels == (Decimal(2_000), Decimal(2_250), Decimal(2_500))
