"""The risk gate as Python sees it. Its rules are proven in rust_ext/tests; here, the door."""

from dataclasses import dataclass

import pytest

from trading_core._engine import Refusal, RiskGate, RiskLimits, daily_loss_level
from trading_core.domain.money import TICKS_PER_DOLLAR
from trading_core.domain.orders import Side

PRICE_TICKS = 100 * TICKS_PER_DOLLAR


def desk_limits() -> RiskLimits:
    """500 shares and $60,000 an order, 1,000 shares and $90,000 a position, 5 %, $5,000 a day."""
    return RiskLimits(
        order_quantity_max=500,
        order_notional_ticks_max=60_000 * TICKS_PER_DOLLAR,
        position_quantity_max=1_000,
        position_notional_ticks_max=90_000 * TICKS_PER_DOLLAR,
        price_collar_bps_max=500,
        daily_loss_ticks_max=5_000 * TICKS_PER_DOLLAR,
    )


@dataclass(frozen=True)
class Order:
    """100 shares at the market for a flat desk on a quiet day, unless said otherwise."""

    side: str = Side.BUY
    quantity: int = 100
    price_ticks: int | None = None
    reference_price_ticks: int = PRICE_TICKS
    position_quantity: int = 0
    day_pnl_ticks: int = 0

    def refusal(self) -> Refusal | None:
        return RiskGate(desk_limits()).check(
            self.side,
            self.quantity,
            self.price_ticks,
            self.reference_price_ticks,
            self.position_quantity,
            self.day_pnl_ticks,
        )


def test_an_order_within_every_limit_passes() -> None:
    assert Order().refusal() is None


@pytest.mark.parametrize(
    ("order", "code", "limit", "actual"),
    [
        (Order(quantity=501), "ORDER_QUANTITY", 500, 501),
        (
            Order(quantity=500, reference_price_ticks=2 * PRICE_TICKS),
            "ORDER_NOTIONAL",
            60_000 * TICKS_PER_DOLLAR,
            100_000 * TICKS_PER_DOLLAR,
        ),
        (Order(side=Side.SELL, price_ticks=PRICE_TICKS // 2), "PRICE_COLLAR", 500, 5_000),
        (Order(position_quantity=901), "POSITION_QUANTITY", 1_000, 1_001),
        (
            Order(position_quantity=-850, side=Side.SELL),
            "POSITION_NOTIONAL",
            90_000 * TICKS_PER_DOLLAR,
            95_000 * TICKS_PER_DOLLAR,
        ),
        (
            Order(day_pnl_ticks=-5_000 * TICKS_PER_DOLLAR),
            "DAILY_LOSS",
            5_000 * TICKS_PER_DOLLAR,
            5_000 * TICKS_PER_DOLLAR,
        ),
        (Order(day_pnl_ticks=-(2**63)), "OVERFLOW", 2**63 - 1, 2**63 - 1),
    ],
)
def test_a_refusal_names_the_rule_the_limit_and_what_was_found(
    order: Order, code: str, limit: int, actual: int
) -> None:
    refusal = order.refusal()
    assert refusal is not None
    assert (refusal.code, refusal.limit, refusal.actual) == (code, limit, actual)


def test_a_refusal_reads_as_a_sentence_in_dollars() -> None:
    too_much = Order(quantity=500, reference_price_ticks=121 * TICKS_PER_DOLLAR).refusal()
    assert str(too_much) == "ORDER_NOTIONAL: expected at most $60000.0000, was $60500.0000"


def test_an_order_that_reduces_the_position_passes_on_a_lost_day() -> None:
    lost = -6_000 * TICKS_PER_DOLLAR
    assert Order(side=Side.SELL, position_quantity=100, day_pnl_ticks=lost).refusal() is None
    flips = Order(side=Side.SELL, position_quantity=99, day_pnl_ticks=lost).refusal()
    assert flips is not None
    assert flips.code == "DAILY_LOSS"


@pytest.mark.parametrize(
    ("order", "fact"),
    [
        (Order(side="hold"), "side: expected 'buy' or 'sell', was 'hold'"),
        (Order(quantity=0), "quantity: expected at least 1, was 0"),
        (Order(price_ticks=0), "price: expected at least 1, was 0"),
        (Order(reference_price_ticks=0), "price: expected at least 1, was 0"),
    ],
)
def test_a_check_that_makes_no_sense_is_an_error_not_a_pass(order: Order, fact: str) -> None:
    with pytest.raises(ValueError, match=fact):
        order.refusal()


def test_limits_are_named_compared_and_cannot_be_changed() -> None:
    limits = desk_limits()
    assert limits == desk_limits()
    assert hash(limits) == hash(desk_limits())
    assert limits.price_collar_bps_max == 500
    with pytest.raises(AttributeError):
        limits.price_collar_bps_max = 9_999  # type: ignore[misc]
    with pytest.raises(TypeError):
        RiskLimits(1, 2, 3, 4, 5, 6)  # type: ignore[call-arg]


def test_a_zero_limit_opens_no_gate() -> None:
    limits = RiskLimits(
        order_quantity_max=1,
        order_notional_ticks_max=1,
        position_quantity_max=1,
        position_notional_ticks_max=1,
        price_collar_bps_max=0,
        daily_loss_ticks_max=1,
    )
    with pytest.raises(ValueError, match="price_collar_bps_max: expected at least 1, was 0"):
        RiskGate(limits)


@pytest.mark.parametrize(
    ("day_pnl_usd", "level"),
    [
        (250, "ok"),
        (-3_999, "ok"),
        (-4_000, "warning"),
        (-4_500, "critical"),
        (-5_000, "breaker"),
        (-9_999, "breaker"),
    ],
)
def test_the_loss_level_is_the_worst_threshold_reached(day_pnl_usd: int, level: str) -> None:
    thresholds_ticks = [usd * TICKS_PER_DOLLAR for usd in (4_000, 4_500, 5_000)]
    assert daily_loss_level(day_pnl_usd * TICKS_PER_DOLLAR, *thresholds_ticks) == level


def test_loss_thresholds_that_fall_are_refused() -> None:
    with pytest.raises(ValueError, match="expected warning <= critical <= breaker"):
        daily_loss_level(0, 5_000, 4_500, 4_000)
