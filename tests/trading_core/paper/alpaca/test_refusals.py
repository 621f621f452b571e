"""What is refused, with Alpaca's status, code and body."""

import json
from typing import Any

import pytest
from alpaca.common.exceptions import APIError
from alpaca.trading.client import TradingClient
from alpaca.trading.enums import OrderSide, TimeInForce
from alpaca.trading.requests import (
    LimitOrderRequest,
    MarketOrderRequest,
    ReplaceOrderRequest,
    StopLossRequest,
    TakeProfitRequest,
)

from tests.trading_core.paper.alpaca.conftest import KEY, Alpaca
from tests.trading_core.paper.alpaca.test_orders import bought, usual

SELL = OrderSide.SELL


def refusal(alpaca: Alpaca, request: Any) -> tuple[int, dict[str, Any]]:
    with pytest.raises(APIError) as caught:
        alpaca.trading.submit_order(request)
    return caught.value.status_code, json.loads(str(caught.value))


@pytest.mark.parametrize(
    ("fields", "status", "body"),
    [
        (
            {"qty": 900_000},
            403,
            {"code": 40310000, "message": "insufficient buying power", "buying_power": "200000.00"},
        ),
        (
            {"symbol": "NOPE"},
            422,
            {"code": 42210000, "message": 'asset "NOPE" not found'},
        ),
        (
            {"limit_price": 100.005},
            422,
            {
                "code": 42210000,
                "message": "invalid limit_price 100.005. sub-penny increment does not fulfill "
                "minimum pricing criteria",
            },
        ),
        (
            {"qty": 1.5, "time_in_force": TimeInForce.GTC},
            422,
            {"code": 42210000, "message": "fractional orders must be DAY orders"},
        ),
        (
            {"qty": 1.5, "side": SELL},
            422,
            {"code": 42210000, "message": "fractional orders cannot be sold short"},
        ),
        (
            {
                "order_class": "bracket",
                "take_profit": TakeProfitRequest(limit_price=90),
                "stop_loss": StopLossRequest(stop_price=95),
            },
            422,
            {
                "code": 42210000,
                "message": "take_profit.limit_price must be > stop_loss.stop_price",
            },
        ),
        (
            {"limit_price": 100, "extended_hours": True, "time_in_force": TimeInForce.IOC},
            422,
            {"code": 42210000, "message": "extended hours order must be DAY or GTC limit orders"},
        ),
    ],
)
def test_an_order_that_cannot_be_is_refused(
    alpaca: Alpaca, fields: dict[str, Any], status: int, body: dict[str, Any]
) -> None:
    kind = LimitOrderRequest if "limit_price" in fields else MarketOrderRequest
    found_status, found = refusal(alpaca, kind(**usual(**fields)))
    assert found_status == status
    assert {name: found.get(name) for name in body} == body


def test_a_client_order_id_is_used_once(alpaca: Alpaca) -> None:
    alpaca.trading.submit_order(MarketOrderRequest(**usual(client_order_id="once")))
    again = MarketOrderRequest(**usual(client_order_id="once"))
    assert refusal(alpaca, again) == (
        422,
        {"code": 40010001, "message": "client_order_id must be unique"},
    )


def test_shares_that_an_open_order_holds_are_not_sold_twice(alpaca: Alpaca) -> None:
    bought(alpaca, 10)
    alpaca.trading.submit_order(LimitOrderRequest(**usual(side=SELL, qty=6, limit_price=900)))
    status, body = refusal(alpaca, MarketOrderRequest(**usual(side=SELL, qty=5)))
    assert status == 403
    assert body == {
        "code": 40310000,
        "message": "insufficient qty available for order (requested: 5, available: 4)",
        "available": "4",
        "existing_qty": "10",
        "held_for_orders": "6",
        "symbol": "ACME",
    }
    assert alpaca.trading.get_open_position("ACME").qty_available == "4"


def test_a_long_position_is_not_sold_short_in_one_order(alpaca: Alpaca) -> None:
    bought(alpaca, 10)
    status, body = refusal(alpaca, MarketOrderRequest(**usual(side=SELL, qty=11)))
    assert (status, body["existing_qty"], body["available"]) == (403, "10", "10")


def test_an_order_that_could_meet_our_own_is_a_wash_trade(alpaca: Alpaca) -> None:
    resting = alpaca.trading.submit_order(LimitOrderRequest(**usual(limit_price=1.0)))
    status, body = refusal(alpaca, MarketOrderRequest(**usual(side=SELL)))
    assert (status, body) == (
        403,
        {
            "code": 40310000,
            "message": "potential wash trade detected. use complex orders",
            "existing_order_id": str(resting.id),
            "reject_reason": "opposite side limit order exists",
        },
    )


def test_what_waits_for_an_entry_counts_as_our_own(alpaca: Alpaca) -> None:
    alpaca.trading.submit_order(
        LimitOrderRequest(
            **usual(
                limit_price=100,
                order_class="oto",
                take_profit=TakeProfitRequest(limit_price=150),
            )
        )
    )
    status, body = refusal(alpaca, LimitOrderRequest(**usual(limit_price=151)))
    assert (status, body["reject_reason"]) == (403, "opposite side limit order exists")


def test_an_order_that_is_over_is_neither_replaced_nor_taken_back(alpaca: Alpaca) -> None:
    order = bought(alpaca)
    change = ReplaceOrderRequest(qty=5)
    with pytest.raises(APIError) as cancelling:
        alpaca.trading.cancel_order_by_id(order.id)
    with pytest.raises(APIError) as replacing:
        alpaca.trading.replace_order_by_id(order.id, change)
    for error in (cancelling.value, replacing.value):
        assert (error.status_code, error.code) == (422, 42210000)
        assert error.message == 'order is already in "filled" state'


def test_a_replacement_is_asked_what_an_order_is_asked(alpaca: Alpaca) -> None:
    order = alpaca.trading.submit_order(LimitOrderRequest(**usual(limit_price=1.0)))
    with pytest.raises(APIError, match="insufficient buying power"):
        alpaca.trading.replace_order_by_id(order.id, ReplaceOrderRequest(qty=900_000))
    assert alpaca.trading.get_order_by_id(order.id).status == "new"


def test_somebody_without_a_key_is_told_nothing(alpaca: Alpaca) -> None:
    stranger = TradingClient(KEY, "guess", url_override=alpaca.url)
    with pytest.raises(APIError) as caught:
        stranger.get_account()
    assert (caught.value.status_code, caught.value.code) == (403, 40110000)
