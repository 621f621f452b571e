from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from trading_core.broker.answers import (
    read_clock,
    read_fill,
    read_halt,
    read_json,
    read_order,
    read_quote,
    read_trading_hours,
)
from trading_core.domain.orders import OrderStatus, OrderType, TimeInForce
from trading_core.errors import Unreachable

ORDER: dict[str, Any] = {
    "id": "61e69015-8549-4bfd-b9c3-01e75843f47d",
    "client_order_id": "mine",
    "symbol": "AAPL",
    "side": "buy",
    "qty": "15",
    "filled_qty": "5",
    "filled_avg_price": "100.25",
    "type": "limit",
    "limit_price": "107.00",
    "time_in_force": "day",
    "status": "partially_filled",
    "submitted_at": "2021-03-16T18:38:01.937734123Z",
}


def test_numbers_never_pass_through_a_float() -> None:
    assert read_json('{"p": 0.1000000000000000055511}') == {
        "p": Decimal("0.1000000000000000055511")
    }


def test_an_order_is_read_in_our_words() -> None:
    order = read_order(ORDER)
    assert order.exchange_order_id == ORDER["id"]
    assert (order.request.client_order_id, order.request.quantity) == ("mine", 15)
    assert order.request.limit_price_usd == Decimal("107.00")
    assert (order.status, order.filled_quantity) == (OrderStatus.PARTIALLY_FILLED, 5)
    assert order.filled_average_price_usd == Decimal("100.25")
    assert order.submitted_at == datetime(2021, 3, 16, 18, 38, 1, 937734, tzinfo=UTC)


@pytest.mark.parametrize(
    ("word", "status"),
    [
        ("accepted", OrderStatus.NEW),
        ("pending_new", OrderStatus.NEW),
        ("pending_cancel", OrderStatus.NEW),
        ("filled", OrderStatus.FILLED),
        ("canceled", OrderStatus.CANCELED),
        ("expired", OrderStatus.EXPIRED),
        ("rejected", OrderStatus.REJECTED),
    ],
)
def test_alpacas_finer_states_are_told_in_ours(word: str, status: OrderStatus) -> None:
    assert read_order({**ORDER, "status": word}).status is status


@pytest.mark.parametrize(
    ("word", "type_"),
    [("stop", OrderType.MARKET), ("trailing_stop", OrderType.MARKET), ("market", OrderType.MARKET)],
)
def test_an_order_that_waits_for_a_price_is_told_as_what_it_becomes(
    word: str, type_: OrderType
) -> None:
    waiting = {"type": word, "limit_price": None, "time_in_force": "ioc"}
    request = read_order({**ORDER, **waiting}).request
    assert (request.type, request.time_in_force) == (type_, TimeInForce.DAY)


def test_an_order_may_be_for_parts_of_a_share_or_for_an_amount_of_money() -> None:
    assert read_order({**ORDER, "qty": "1.5"}).request.quantity == Decimal("1.5")
    of_money = read_order({**ORDER, "qty": None, "filled_qty": "0.25"})
    assert of_money.request.quantity == Decimal("0.25")


@pytest.mark.parametrize(
    "change",
    [
        {"type": "iceberg"},
        {"status": "on_the_moon"},
        {"qty": "many"},
        {"side": "hold"},
        {"submitted_at": "yesterday"},
        {"submitted_at": "2021-03-16T18:38:01"},
        {"limit_price": None},
        {"limit_price": []},
        {"filled_avg_price": "free"},
    ],
)
def test_an_order_that_makes_no_sense_leaves_its_sender_unknown(change: dict[str, Any]) -> None:
    with pytest.raises(Unreachable, match="expected order to be of Alpaca's shape"):
        read_order({**ORDER, **change})


def test_an_order_without_a_field_we_need_leaves_its_sender_unknown() -> None:
    with pytest.raises(Unreachable):
        read_order({key: value for key, value in ORDER.items() if key != "filled_qty"})


@pytest.mark.parametrize("text", ["", "<html>", "[" * 100_000, b"\xff"])
def test_an_answer_that_is_no_json_leaves_its_sender_unknown(text: str | bytes) -> None:
    with pytest.raises(Unreachable, match="expected answer to be JSON"):
        read_json(text)


def test_a_fill_is_known_by_the_id_that_the_stream_uses_too() -> None:
    activity = {
        "id": "20220202135509981::2d7be4ff-d1f3-43e9-856a-0f5cf5c5088e",
        "symbol": "AAPL",
        "side": "sell",
        "qty": "2",
        "price": "174.78",
        "transaction_time": "2022-02-02T18:55:09.981482Z",
    }
    fill = read_fill(activity, "mine")
    assert fill.execution_id == "2d7be4ff-d1f3-43e9-856a-0f5cf5c5088e"
    assert fill.cash_usd == Decimal("349.56")


def test_market_time_is_read_from_new_yorks_offset_into_utc() -> None:
    body = {
        "timestamp": "2025-06-24T14:15:22-04:00",
        "is_open": True,
        "next_open": "2025-06-25T09:30:00-04:00",
        "next_close": "2025-06-24T16:00:00-04:00",
    }
    clock = read_clock(body)
    assert clock.now == datetime(2025, 6, 24, 18, 15, 22, tzinfo=UTC)
    assert clock.now.tzinfo is UTC


def test_the_calendars_wall_times_are_new_yorks() -> None:
    day = read_trading_hours({"date": "2024-11-29", "open": "09:30", "close": "13:00"})
    assert day.opens_at == datetime(2024, 11, 29, 14, 30, tzinfo=UTC)
    assert day.closes_at == datetime(2024, 11, 29, 18, 0, tzinfo=UTC)


def test_a_quote_without_a_side_has_price_and_size_zero() -> None:
    text = '{"t": "2024-03-05T14:31:00Z", "bp": 0, "bs": 0, "ap": 10.05, "as": 3}'
    quote = read_quote("ACME", read_json(text))
    assert (quote.bid_usd, quote.bid_size) == (Decimal(0), 0)
    assert (quote.ask_usd, quote.ask_size) == (Decimal("10.05"), 3)


@pytest.mark.parametrize(
    ("code", "halted"),
    [("H", True), ("P", True), ("2", True), ("T", False), ("3", False), ("Q", None), ("5", None)],
)
def test_a_status_is_a_halt_its_end_or_about_something_else(code: str, halted: bool | None) -> None:
    told = {"sc": code, "sm": "in short", "rm": "in words", "t": "2024-03-05T14:31:00Z"}
    read = read_halt("ACME", told)
    assert (None if read is None else read.halted) is halted
    assert read is None or read.reason == "in words"
