"""A file of trades is read row by row; what is wrong is told with line and field, never guessed."""

from decimal import Decimal

import pytest

from trading_core.domain.orders import Side
from trading_core.reconciliation.trade_file import TradeFile, read_trades

HEADER = "execution_id,client_order_id,symbol,side,quantity,price_usd,executed_at"
GOOD = "e1,o1,ACME,buy,100,50.0100,2013-10-04T14:31:00Z"
ALPACA = "activity_type,id,transaction_time,type,price,qty,side,symbol,leaves_qty,order_id"


def read(*rows: str, header: str = HEADER) -> TradeFile:
    return read_trades("\n".join([header, *rows]).encode(), "PA1")


def test_a_row_is_read_exactly() -> None:
    (line,) = read(GOOD).lines
    assert (line.execution_id, line.order_id, line.symbol) == ("e1", "o1", "ACME")
    assert (line.side, line.quantity, line.price_usd) == (Side.BUY, 100, Decimal("50.01"))
    assert line.executed_at.isoformat() == "2013-10-04T14:31:00+00:00"


@pytest.mark.parametrize(
    ("was", "becomes", "fault"),
    [
        ("e1", "", "execution_id: expected something, was ''"),
        ("buy", "hold", "side: expected buy or sell, was 'hold'"),
        (",100,", ",0.5,", "quantity: expected whole shares, at least 1, was '0.5'"),
        (",100,", ",NaN,", "quantity: expected whole shares, at least 1, was 'NaN'"),
        ("50.0100", "1.00001", "price_usd: expected dollars above 0, four decimals, was '1.00001'"),
        ("14:31:00Z", "14:31", "executed_at: expected a time with zone, was '2013-10-04T14:31'"),
        (GOOD, GOOD + ",more", "row: expected the header's fields, was 'more or fewer'"),
        (GOOD, "e1,o1", "row: expected the header's fields, was 'more or fewer'"),
    ],
)
def test_each_fault_is_named_with_its_line_and_field(was: str, becomes: str, fault: str) -> None:
    found = read(GOOD.replace(was, becomes))
    assert [str(one) for one in found.faults] == [f"line 2, {fault}"]
    assert found.lines == ()


def test_every_fault_of_a_file_is_told_at_once() -> None:
    found = read(GOOD, "e2,o1,ACME,hold,x,-1,noon", GOOD.replace("e1", "e3"))
    assert [one.field for one in found.faults] == ["side", "quantity", "price_usd", "executed_at"]
    assert {one.line for one in found.faults} == {3}


def test_a_trade_told_twice_counts_once_and_told_otherwise_is_a_fault() -> None:
    assert (len(read(GOOD, GOOD).lines), read(GOOD, GOOD).left_out) == (1, 1)
    (fault,) = read(GOOD, GOOD.replace("100", "90")).faults
    assert str(fault) == "line 3, execution id: expected one trade, as in line 2, was 'e1'"


def test_another_accounts_trade_is_refused() -> None:
    (fault,) = read(GOOD + ",PA2", header=HEADER + ",account").faults
    assert str(fault) == "line 2, account: expected PA1, was 'PA2'"
    assert not read(GOOD + ",PA1", header=HEADER + ",account").faults


def test_a_file_without_its_columns_or_that_is_no_text_is_refused() -> None:
    assert str(read("x", header="a,b").faults[0]).startswith("line 1, header: expected the columns")
    assert str(read_trades(b"\xff\xfe", "PA1").faults[0]).startswith("line 1, file: expected text")
    assert str(read_trades(b"", "PA1").faults[0]).startswith("line 1, header: expected the columns")


def test_activities_as_alpaca_tells_them_are_read_and_what_is_no_fill_is_left_out() -> None:
    found = read(
        "FILL,20131004143100000::e1,2013-10-04T14:31:00Z,fill,50.01,100,sell_short,ACME,0,their-1",
        "DIV,20131004000000000::d1,,,,,,ACME,,",
        header=ALPACA,
    )
    (line,) = found.lines
    assert (line.execution_id, line.order_id, line.side) == ("e1", "their-1", Side.SELL)
    assert (found.left_out, found.names_exchange_orders) == (1, True)
