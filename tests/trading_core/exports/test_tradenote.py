"""TradeNote's CSV: its columns as its template has them, and every line by hand."""

import csv
import io
from datetime import UTC, date, datetime
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from trading_core.domain.fills import Fill
from trading_core.domain.orders import Side
from trading_core.exports.tradenote import tradenote_csv

DAY = date(2013, 10, 7)
# As in brokers/Template.csv of TradeNote's repository.
TEMPLATE = (
    "Account,T/D,S/D,Currency,Type,Side,Symbol,Qty,Price,Exec Time,Comm,SEC,TAF,NSCC,Nasdaq,"
    "ECN Remove,ECN Add,Gross Proceeds,Net Proceeds,Clr Broker,Liq,Note"
)


def a_fill(number: int, signed: int, price: str = "10.50") -> Fill:
    side = Side.BUY if signed > 0 else Side.SELL
    at = datetime(2013, 10, 7, 14, number, 7, tzinfo=UTC)
    return Fill(f"e{number}", "o", "SPY", side, abs(signed), Decimal(price), at)


def lines_of(*fills: Fill, starts: date = DAY) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(tradenote_csv("PA1", fills, starts, DAY))))


def test_a_line_is_what_the_template_says() -> None:
    text = tradenote_csv("PA1", [a_fill(1, 100)], DAY, DAY)

    traded = "PA1,10/07/2013,10/07/2013,USD,0,B,SPY,100,10.50,10:01:07"
    assert text.splitlines() == [TEMPLATE, f"{traded},0,0,0,0,0,0,0,-1050.00,-1050.00,,,e1"]


def test_a_sale_of_what_is_held_and_a_sale_short_are_two_sides() -> None:
    lines = lines_of(a_fill(1, 100), a_fill(2, -160), a_fill(3, 60))

    assert [(one["Side"], one["Qty"], one["Gross Proceeds"]) for one in lines] == [
        ("B", "100", "-1050.00"),
        ("S", "100", "1050.00"),
        ("SS", "60", "630.00"),
        ("BC", "60", "-630.00"),
    ]


def test_days_before_are_not_written_but_tell_what_was_held() -> None:
    before = a_fill(1, 100)
    yesterday = Fill(
        "e0", "o", "SPY", Side.BUY, 100, before.price_usd, datetime(2013, 10, 4, 15, tzinfo=UTC)
    )

    assert [one["Side"] for one in lines_of(yesterday, a_fill(2, -100))] == ["S"]


@given(st.lists(st.integers(-5, 5).filter(bool), max_size=30))
def test_the_lines_add_up_to_the_fills(signed: list[int]) -> None:
    fills = [a_fill(number, one) for number, one in enumerate(signed)]
    lines = lines_of(*fills)

    def moved(one: dict[str, str]) -> int:
        return int(one["Qty"]) * (1 if one["Side"] in ("B", "BC") else -1)

    assert sum(map(moved, lines)) == sum(signed)
    proceeds = sum((Decimal(one["Gross Proceeds"]) for one in lines), Decimal(0))
    assert proceeds == sum((fill.cash_usd for fill in fills), Decimal(0))
    # What is sold as held, or bought back as short, was: nothing is closed twice.
    held = 0
    for one in lines:
        assert (one["Side"] in ("S", "BC")) == (held * moved(one) < 0)
        held += moved(one)
