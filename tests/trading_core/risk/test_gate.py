"""The gate, against its definition in plain Decimal arithmetic."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trading_core.domain.orders import Order, OrderRequest, OrderStatus, OrderType, Side
from trading_core.domain.positions import Position
from trading_core.risk.context import OrderContext
from trading_core.risk.gate import Gate
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
    gross_exposure_usd_max=Decimal(60_000),
    open_orders_max=3,
    orders_per_minute_max=4,
    short_quantity_max=800,
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
    held = draw(st.one_of(st.integers(-1_500, 1_500), st.sampled_from([-500, 500, 1_000])))
    cost_usd = held * reference_usd
    elsewhere_usd = Decimal(draw(st.integers(0, 20_000)))
    positions = (Position("SPY", held, cost_usd), Position("QQQ", -40, -elsewhere_usd))
    open_orders = draw(st.lists(open_orders_of("SPY", "QQQ"), max_size=4))
    context = OrderContext(
        reference_usd, Decimal(loss_usd) / 100, positions, open_orders, draw(st.integers(0, 5))
    )
    return Asked(order, context)


@st.composite
def open_orders_of(draw: st.DrawFn, *symbols: str) -> Order:
    quantity = draw(st.integers(1, 300))
    request = OrderRequest(
        f"open-{draw(st.integers(0, 99))}",
        draw(st.sampled_from(symbols)),
        draw(st.sampled_from(Side)),
        quantity,
        OrderType.LIMIT,
        draw(prices),
    )
    filled = draw(st.integers(0, quantity - 1))
    at = datetime(2024, 3, 5, 14, 30, tzinfo=UTC)
    return Order(request, OrderStatus.NEW, None, filled, None, at)


def refused_by_definition(limits: RiskLimits, order: OrderRequest, context: OrderContext) -> str:
    assert limits.gross_exposure_usd_max is not None
    assert limits.open_orders_max is not None
    assert limits.orders_per_minute_max is not None
    assert limits.short_quantity_max is not None
    price_usd = order.limit_price_usd or context.reference_price_usd
    sign = 1 if order.side is Side.BUY else -1
    after = order.quantity + sum(
        one.remaining_quantity
        for one in context.open_orders
        if (one.request.symbol, one.request.side) == (order.symbol, order.side)
    )
    after += sign * context.positions[0].quantity
    away_bps = abs(price_usd - context.reference_price_usd) * 10_000 / context.reference_price_usd
    gross_usd = order.quantity * price_usd
    gross_usd += sum(abs(one.cost_basis_usd) for one in context.positions)
    for one in context.open_orders:
        assert one.request.limit_price_usd is not None
        gross_usd += one.remaining_quantity * one.request.limit_price_usd
    adds = after > 0
    rules = (
        ("PRICE_COLLAR", away_bps > limits.price_collar_bps_max),
        ("ORDER_QUANTITY", order.quantity > limits.order_quantity_max),
        ("ORDER_NOTIONAL", order.quantity * price_usd > limits.order_notional_usd_max),
        ("POSITION_QUANTITY", adds and after > limits.position_quantity_max),
        ("POSITION_NOTIONAL", adds and after * price_usd > limits.position_notional_usd_max),
        ("DAILY_LOSS", adds and -context.day_pnl_usd >= limits.daily_loss_usd_breaker),
        ("GROSS_EXPOSURE", adds and gross_usd > limits.gross_exposure_usd_max),
        ("OPEN_ORDERS", len(context.open_orders) >= limits.open_orders_max),
        ("RATE", context.orders_in_minute >= limits.orders_per_minute_max),
        ("SHORT_LOCATE", order.side is Side.SELL and after > limits.short_quantity_max),
    )
    return next((code for code, broken in rules if broken), "")


@given(questions())
def test_the_gate_says_what_its_definition_says(asked: Asked) -> None:
    verdict = Gate(LIMITS).check(asked.order, asked.context)
    assert verdict.code == refused_by_definition(LIMITS, asked.order, asked.context)


def an_order(
    side: Side = Side.BUY, quantity: int = 10, limit_usd: str | None = None
) -> OrderRequest:
    if limit_usd is None:
        return OrderRequest("id", "SPY", side, quantity)
    return OrderRequest("id", "SPY", side, quantity, OrderType.LIMIT, Decimal(limit_usd))


def holding(quantity: int, **changes: Any) -> OrderContext:
    held = Position("SPY", quantity, Decimal(100) * quantity)
    return replace(OrderContext(Decimal(100), positions=(held,)), **changes)


AN_OPEN_ORDER = Order(
    replace(an_order(quantity=30, limit_usd="90"), client_order_id="open"),
    OrderStatus.PARTIALLY_FILLED,
    None,
    20,
    None,
    datetime(2024, 3, 5, 14, 30, tzinfo=UTC),
)


@pytest.mark.parametrize(
    ("order", "context", "sentence"),
    [
        (an_order(limit_usd="105.01"), holding(0),
         "PRICE_COLLAR: expected a price within 500 bps of $100.00, was $105.01"),
        (an_order(quantity=501), holding(0),
         "ORDER_QUANTITY: expected at most 500 shares, was 501"),
        (an_order(quantity=251), holding(0),
         "ORDER_NOTIONAL: expected at most $25000.00, was $25100.00"),
        (an_order(quantity=200), holding(301),
         "POSITION_NOTIONAL: expected at most $50000.00, was $50100.00"),
        (an_order(quantity=1), holding(1_000),
         "POSITION_QUANTITY: expected at most 1000 shares, was 1001"),
        (an_order(), holding(0, day_pnl_usd=Decimal("-5000.00")),
         "DAILY_LOSS: expected a loss below $5000, was $5000.00"),
        (an_order(), holding(0, open_orders=[AN_OPEN_ORDER] * 3),
         "OPEN_ORDERS: expected fewer than 3 open orders, were 3"),
        (an_order(), holding(0, orders_in_minute=7),
         "RATE: expected at most 4 orders a minute, was one after 7"),
        (an_order(), holding(0, positions=(Position("QQQ", 9, Decimal("59000.01")),)),
         "GROSS_EXPOSURE: expected at most $60000.00, was $60000.01"),
    ],
)  # fmt: skip
def test_a_refusal_tells_the_rule_and_the_numbers(
    order: OrderRequest, context: OrderContext, sentence: str
) -> None:
    assert Gate(LIMITS).check(order, context).sentence == sentence


def test_more_is_sold_short_than_was_located_only_up_to_the_limit() -> None:
    limits = LIMITS.model_copy(update={"short_quantity_max": 100})
    assert Gate(limits).check(an_order(Side.SELL, 150), holding(50)).passed
    refused = Gate(limits).check(an_order(Side.SELL, 151), holding(50))
    assert refused.sentence == "SHORT_LOCATE: expected at most 100 shares short, was 101"


def test_a_desk_over_every_limit_of_what_it_holds_may_still_reduce() -> None:
    over = holding(
        5_000, day_pnl_usd=Decimal(-9_000), positions=(Position("SPY", 5_000, Decimal(500_000)),)
    )
    assert Gate(LIMITS).check(an_order(Side.SELL, 200), over).passed
    assert not Gate(LIMITS).check(an_order(Side.BUY, 200), over).passed


def test_limits_that_are_not_set_limit_nothing() -> None:
    loose = dict.fromkeys(
        ("gross_exposure_usd_max", "open_orders_max", "orders_per_minute_max", "short_quantity_max")
    )
    busy = holding(-400, open_orders=[AN_OPEN_ORDER] * 50, orders_in_minute=900)
    assert Gate(LIMITS.model_copy(update=loose)).check(an_order(Side.SELL, 50), busy).passed


@pytest.mark.parametrize("limit_usd", ["10.00005", "1e30", "-1"])
def test_a_price_no_engine_could_hold_is_a_refusal(limit_usd: str) -> None:
    order = OrderRequest("id", "SPY", Side.BUY, 1, OrderType.LIMIT, Decimal(limit_usd))
    verdict = Gate(LIMITS).check(order, OrderContext(Decimal(10)))
    assert not verdict.passed
