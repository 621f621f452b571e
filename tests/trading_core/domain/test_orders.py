"""An order that could not be one does not come into being."""

from decimal import Decimal

import pytest

from trading_core.domain.orders import OrderRequest, OrderStatus, OrderType, Side


@pytest.mark.parametrize("quantity", [0, -1])
def test_an_order_is_for_some_shares(quantity: int) -> None:
    with pytest.raises(ValueError, match="more than 0 shares"):
        OrderRequest("id", "SPY", Side.BUY, quantity)


@pytest.mark.parametrize(
    ("type_", "limit_usd"), [(OrderType.LIMIT, None), (OrderType.MARKET, Decimal(10))]
)
def test_a_limit_order_has_a_limit_and_a_market_order_has_none(
    type_: OrderType, limit_usd: Decimal | None
) -> None:
    with pytest.raises(ValueError, match="limit_price_usd"):
        OrderRequest("id", "SPY", Side.BUY, 1, type_, limit_usd)


def test_nothing_happens_any_more_to_filled_cancelled_expired_and_rejected_orders() -> None:
    open_ = {OrderStatus.INTENDED, OrderStatus.NEW, OrderStatus.PARTIALLY_FILLED}
    assert {status for status in OrderStatus if not status.is_final} == open_
