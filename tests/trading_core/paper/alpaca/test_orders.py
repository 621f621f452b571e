"""Orders, as Alpaca's own client sends them and reads them back."""

import uuid
from datetime import timedelta
from typing import Any

import pytest
from alpaca.common.exceptions import APIError
from alpaca.data.requests import StockLatestQuoteRequest
from alpaca.trading.enums import OrderSide, QueryOrderStatus, TimeInForce
from alpaca.trading.requests import (
    GetOrderByIdRequest,
    GetOrdersRequest,
    LimitOrderRequest,
    MarketOrderRequest,
    ReplaceOrderRequest,
    StopLimitOrderRequest,
    StopLossRequest,
    StopOrderRequest,
    TakeProfitRequest,
    TrailingStopOrderRequest,
)

from tests.trading_core.paper.alpaca.conftest import Alpaca

BUY, SELL = OrderSide.BUY, OrderSide.SELL


def usual(**fields: Any) -> dict[str, Any]:
    return {"symbol": "ACME", "qty": 10, "side": BUY, "time_in_force": TimeInForce.DAY, **fields}


def bought(alpaca: Alpaca, qty: float = 10) -> Any:
    order = alpaca.trading.submit_order(MarketOrderRequest(**usual(qty=qty)))
    assert order.status == "filled"
    return order


def bid(alpaca: Alpaca) -> float:
    return float(quote(alpaca).bid_price)


def quote(alpaca: Alpaca) -> Any:
    request = StockLatestQuoteRequest(symbol_or_symbols="ACME")
    return alpaca.data.get_stock_latest_quote(request)["ACME"]


def test_a_market_order_is_filled_at_once(alpaca: Alpaca) -> None:
    order = bought(alpaca)
    assert (order.qty, order.filled_qty) == ("10", "10")
    assert float(order.filled_avg_price) == quote(alpaca).ask_price
    assert alpaca.trading.get_order_by_id(order.id) == order
    assert alpaca.trading.get_order_by_client_id(order.client_order_id) == order


@pytest.mark.parametrize(
    "request_",
    [
        LimitOrderRequest(**usual(limit_price=1.05)),
        LimitOrderRequest(**usual(limit_price=1.05, time_in_force=TimeInForce.GTC)),
        StopOrderRequest(**usual(stop_price=900.5)),
        StopLimitOrderRequest(**usual(stop_price=900.5, limit_price=901.25)),
        TrailingStopOrderRequest(**usual(trail_price=50)),
        TrailingStopOrderRequest(**usual(trail_percent=12.5)),
        LimitOrderRequest(**usual(limit_price=1.05, extended_hours=True)),
        MarketOrderRequest(**usual(time_in_force=TimeInForce.CLS)),
        LimitOrderRequest(**usual(limit_price=1.05, time_in_force=TimeInForce.CLS)),
    ],
    ids=lambda request: f"{request.type.value}-{request.time_in_force.value}",
)
def test_an_order_that_waits_is_new_and_can_be_taken_back(alpaca: Alpaca, request_: Any) -> None:
    order = alpaca.trading.submit_order(request_)
    assert (order.status, order.type) == ("new", request_.type)
    for field in ("limit_price", "stop_price", "trail_price", "trail_percent"):
        asked = getattr(request_, field, None)
        if asked is not None:
            assert float(getattr(order, field)) == asked
    alpaca.trading.cancel_order_by_id(order.id)
    assert alpaca.trading.get_order_by_id(order.id).status == "canceled"


@pytest.mark.parametrize(
    ("request_", "status", "filled"),
    [
        (LimitOrderRequest(**usual(limit_price=1, time_in_force=TimeInForce.IOC)), "canceled", 0),
        (LimitOrderRequest(**usual(limit_price=900, time_in_force=TimeInForce.IOC)), "filled", 10),
        (LimitOrderRequest(**usual(limit_price=1, time_in_force=TimeInForce.FOK)), "canceled", 0),
        (LimitOrderRequest(**usual(limit_price=900, time_in_force=TimeInForce.FOK)), "filled", 10),
        (MarketOrderRequest(**usual(time_in_force=TimeInForce.FOK)), "filled", 10),
        (MarketOrderRequest(**usual(time_in_force=TimeInForce.IOC)), "filled", 10),
        (MarketOrderRequest(**usual(qty=1.25)), "filled", 1.25),
    ],
)
def test_an_order_of_now_or_never_is_over_at_once(
    alpaca: Alpaca, request_: Any, status: str, filled: float
) -> None:
    order = alpaca.trading.submit_order(request_)
    assert (order.status, float(order.filled_qty)) == (status, filled)


def test_a_notional_order_buys_what_its_dollars_are_worth(alpaca: Alpaca) -> None:
    fields = usual(notional=500.25)
    del fields["qty"]
    order = alpaca.trading.submit_order(MarketOrderRequest(**fields))
    assert (order.qty, order.notional, order.status) == (None, "500.25", "filled")
    spent = float(order.filled_qty) * float(order.filled_avg_price)
    assert spent == pytest.approx(500.25, abs=1e-6)


def test_an_order_on_the_open_trades_at_the_open_only(alpaca: Alpaca) -> None:
    with pytest.raises(APIError, match="opg orders are only accepted"):
        alpaca.trading.submit_order(MarketOrderRequest(**usual(time_in_force=TimeInForce.OPG)))


def test_all_open_orders_are_taken_back_with_a_207(alpaca: Alpaca) -> None:
    for price in (1.0, 2.0):
        alpaca.trading.submit_order(LimitOrderRequest(**usual(limit_price=price)))
    answers = alpaca.trading.cancel_orders()
    assert [answer.status for answer in answers] == [200, 200]
    assert alpaca.trading.get_orders() == []


def test_orders_are_found_by_state_symbol_side_and_time(alpaca: Alpaca) -> None:
    bought(alpaca)
    resting = alpaca.trading.submit_order(
        LimitOrderRequest(**usual(symbol="BOLT", limit_price=1.0))
    )
    ask = alpaca.trading.get_orders
    assert [o.id for o in ask()] == [resting.id]
    assert len(ask(GetOrdersRequest(status=QueryOrderStatus.ALL))) == 2
    assert len(ask(GetOrdersRequest(status=QueryOrderStatus.ALL, symbols=["ACME"]))) == 1
    assert ask(GetOrdersRequest(status=QueryOrderStatus.OPEN, side=SELL)) == []
    later = resting.submitted_at + timedelta(seconds=1)
    assert ask(GetOrdersRequest(status=QueryOrderStatus.ALL, after=later)) == []


def test_an_order_is_replaced_by_another_that_knows_it(alpaca: Alpaca) -> None:
    old = alpaca.trading.submit_order(LimitOrderRequest(**usual(limit_price=1.0)))
    change = ReplaceOrderRequest(qty=20, limit_price=1.5, client_order_id="the second")
    new = alpaca.trading.replace_order_by_id(old.id, change)
    assert (new.replaces, new.qty, float(new.limit_price)) == (old.id, "20", 1.5)
    was = alpaca.trading.get_order_by_id(old.id)
    assert (was.status, was.replaced_by) == ("replaced", new.id)
    assert alpaca.trading.get_order_by_client_id("the second") == new
    with pytest.raises(APIError, match='already in \\\\"replaced\\\\" state'):
        alpaca.trading.replace_order_by_id(old.id, change)


def test_a_trailing_stops_trail_is_replaced(alpaca: Alpaca) -> None:
    old = alpaca.trading.submit_order(TrailingStopOrderRequest(**usual(trail_price=50)))
    new = alpaca.trading.replace_order_by_id(old.id, ReplaceOrderRequest(trail=40))
    assert float(new.trail_price) == 40
    assert float(new.stop_price) == float(new.hwm) + 40


def bracket(price: float, **fields: Any) -> dict[str, Any]:
    return usual(
        order_class="bracket",
        take_profit=TakeProfitRequest(limit_price=round(price * 1.2, 2)),
        stop_loss=StopLossRequest(stop_price=round(price * 0.8, 2)),
        **fields,
    )


def test_a_brackets_legs_wait_for_the_entry_and_go_with_it(alpaca: Alpaca) -> None:
    order = alpaca.trading.submit_order(LimitOrderRequest(**bracket(1.0, limit_price=1.0)))
    assert [leg.status for leg in order.legs] == ["held", "held"]
    alpaca.trading.cancel_order_by_id(order.id)
    nested = GetOrdersRequest(status=QueryOrderStatus.ALL, nested=True)
    [found] = alpaca.trading.get_orders(nested)
    assert [leg.status for leg in found.legs] == ["canceled", "canceled"]


def test_a_filled_entry_brings_its_legs_to_life(alpaca: Alpaca) -> None:
    order = alpaca.trading.submit_order(MarketOrderRequest(**bracket(bid(alpaca))))
    profit, loss = order.legs
    assert (order.status, profit.status, loss.status) == ("filled", "new", "held")
    assert (profit.type, loss.type) == ("limit", "stop")
    alpaca.trading.cancel_order_by_id(profit.id)
    again = alpaca.trading.get_order_by_id(order.id, GetOrderByIdRequest(nested=True))
    assert [leg.status for leg in again.legs] == ["canceled", "canceled"]


def test_one_leg_of_an_oco_cancels_the_other(alpaca: Alpaca) -> None:
    bought(alpaca)
    price = bid(alpaca)
    order = alpaca.trading.submit_order(
        LimitOrderRequest(
            **usual(
                side=SELL,
                order_class="oco",
                take_profit=TakeProfitRequest(limit_price=round(price - 1, 2)),
                stop_loss=StopLossRequest(stop_price=round(price - 20, 2)),
            )
        )
    )
    assert (order.status, order.legs[0].status) == ("filled", "canceled")
    assert alpaca.trading.get_all_positions() == []


def test_an_oto_has_the_one_leg_it_asks_for(alpaca: Alpaca) -> None:
    order = alpaca.trading.submit_order(
        MarketOrderRequest(
            **usual(order_class="oto", stop_loss=StopLossRequest(stop_price=1.0, limit_price=0.9))
        )
    )
    [loss] = order.legs
    assert (order.status, loss.status, loss.type) == ("filled", "new", "stop_limit")


def test_an_order_that_is_not_there_is_a_404(alpaca: Alpaca) -> None:
    for ask in (alpaca.trading.get_order_by_id, alpaca.trading.cancel_order_by_id):
        with pytest.raises(APIError) as caught:
            ask(uuid.uuid4())
        assert (caught.value.status_code, caught.value.code) == (404, 40410000)
