"""The gate, against its definition in plain Decimal arithmetic."""

from dataclasses import dataclass
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trading_core.domain.orders import OrderRequest, OrderType, Side
from trading_core.risk.gate import Gate, OrderContext
from trading_core.risk.limits import RiskLimits

LIMITS = RiskLimits(
    order_quantity_max=500,
    order_notional_usd_max=Decimal(25_000),
    position_quantity_max=1_000,
    position_notional_usd_max=Decimal(50_000),
    price_collar_bps_max=500,
    daily_loss_usd_warn=Decimal(4_000),
    daily_loss_usd_page=Decimal(4_500),
    daily_loss_usd_breaker=Decimal(5_000),
)
prices = st.one_of(
    st.integers(1, 5_000_000).map(lambda ticks: Decimal(ticks) / 10_000),
    # Where the notional limits lie for a few hundred shares.
    st.integers(400_000, 600_000).map(lambda ticks: Decimal(ticks) / 10_000),
)


@dataclass(frozen=True)
class Asked:
    order: OrderRequest
    context: OrderContext


@st.composite
def questions(draw: st.DrawFn) -> Asked:
    reference_usd = draw(prices)
    near = st.integers(9_300, 10_700).map(
        lambda share: max(
            (reference_usd * share / 10_000).quantize(Decimal("0.0001")), Decimal("0.0001")
        )
    )
    limit_usd = draw(st.one_of(st.none(), near, prices))
    order = OrderRequest(
        "id",
        "SPY",
        draw(st.sampled_from(Side)),
        draw(st.one_of(st.integers(1, 1_200), st.sampled_from([499, 500, 501]))),
        OrderType.MARKET if limit_usd is None else OrderType.LIMIT,
        limit_usd,
    )
    loss_usd = draw(st.one_of(st.integers(-700_000, 700_000), st.integers(-500_001, -499_999)))
    exposure = draw(st.one_of(st.integers(-1_500, 1_500), st.sampled_from([-500, 500, 1_000])))
    return Asked(order, OrderContext(reference_usd, exposure, Decimal(loss_usd) / 100))


def refused_by_definition(limits: RiskLimits, order: OrderRequest, context: OrderContext) -> str:
    price_usd = order.limit_price_usd or context.reference_price_usd
    signed = order.quantity if order.side is Side.BUY else -order.quantity
    after = context.exposure_quantity + signed
    reduces = context.exposure_quantity * signed < 0 and order.quantity <= abs(
        context.exposure_quantity
    )
    away_bps = abs(price_usd - context.reference_price_usd) * 10_000 / context.reference_price_usd
    rules = (
        ("ORDER_QUANTITY", order.quantity > limits.order_quantity_max),
        ("ORDER_NOTIONAL", order.quantity * price_usd > limits.order_notional_usd_max),
        ("PRICE_COLLAR", away_bps > limits.price_collar_bps_max),
        ("POSITION_QUANTITY", not reduces and abs(after) > limits.position_quantity_max),
        (
            "POSITION_NOTIONAL",
            not reduces and abs(after) * price_usd > limits.position_notional_usd_max,
        ),
        ("DAILY_LOSS", not reduces and -context.day_pnl_usd >= limits.daily_loss_usd_breaker),
    )
    return next((code for code, broken in rules if broken), "")


@given(questions())
def test_the_gate_says_what_its_definition_says(asked: Asked) -> None:
    verdict = Gate(LIMITS).check(asked.order, asked.context)
    assert verdict.code == refused_by_definition(LIMITS, asked.order, asked.context)


def test_a_refusal_tells_the_rule_and_the_numbers() -> None:
    verdict = Gate(LIMITS).check(
        OrderRequest("id", "SPY", Side.BUY, 501), OrderContext(Decimal(10), 0, Decimal(0))
    )
    assert not verdict.passed
    assert "501" in verdict.sentence
    assert "500" in verdict.sentence


@pytest.mark.parametrize("limit_usd", ["10.00005", "1e30", "-1"])
def test_a_price_no_engine_could_hold_is_a_refusal(limit_usd: str) -> None:
    order = OrderRequest("id", "SPY", Side.BUY, 1, OrderType.LIMIT, Decimal(limit_usd))
    verdict = Gate(LIMITS).check(order, OrderContext(Decimal(10), 0, Decimal(0)))
    assert not verdict.passed
