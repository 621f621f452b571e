"""Execution against the market's prices, and exposure, on days made by hand."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from trading_core.domain.fills import Fill
from trading_core.domain.market import Bar
from trading_core.domain.orders import Side
from trading_core.performance import execution
from trading_core.performance.exposure import exposure_by_minute

OPEN = datetime(2013, 10, 7, 13, 30, tzinfo=UTC)


def at(minute: float) -> datetime:
    return OPEN + timedelta(minutes=minute)


def a_bar(
    minute: int, close: str, volume: int = 100, *, spread: str = "0", symbol: str = "SPY"
) -> Bar:
    price, half = Decimal(close), Decimal(spread)
    return Bar(symbol, at(minute), price, price + half, price - half, price, volume)


def a_fill(minute: float, signed: int, price: str, symbol: str = "SPY") -> Fill:
    side = Side.BUY if signed > 0 else Side.SELL
    return Fill(f"e{minute}", "o1", symbol, side, abs(signed), Decimal(price), at(minute))


BARS = [a_bar(0, "10.00"), a_bar(1, "10.10", 300), a_bar(2, "10.50", 100), a_bar(3, "99.00")]


def test_the_arrival_price_is_the_last_complete_minutes() -> None:
    assert execution.arrival_price_usd(BARS, at(0.5)) is None
    assert execution.arrival_price_usd(BARS, at(1)) == Decimal("10.00")
    assert execution.arrival_price_usd(BARS, at(2.9)) == Decimal("10.10")


def test_the_vwap_weighs_every_minute_touched_and_no_other() -> None:
    # (10.10 * 300 + 10.50 * 100) / 400
    assert execution.vwap_usd(BARS, at(1), at(2.5)) == Decimal("10.20")
    assert execution.vwap_usd([a_bar(1, "10.00", 0)], at(1), at(1)) is None


def test_a_bar_counts_with_the_mean_of_high_low_and_close() -> None:
    bar = Bar("SPY", at(0), Decimal(1), Decimal(12), Decimal(9), Decimal(12), 50)

    assert execution.vwap_usd([bar], at(0), at(0)) == Decimal(11)


@pytest.mark.parametrize(("signed", "sign"), [(100, 1), (-100, -1)])
def test_paying_more_costs_a_buyer_and_pleases_a_seller(signed: int, sign: int) -> None:
    fills = [a_fill(1.5, signed * 3 // 4, "10.20"), a_fill(2.5, signed // 4, "10.40")]

    done = execution.executed("sma", at(1), fills, BARS)

    # Average (75 * 10.20 + 25 * 10.40) / 100 = 10.25, arrival 10.00, VWAP 10.20.
    assert done.average_usd == Decimal("10.25")
    assert done.arrival_cost_usd == sign * Decimal("25.00")
    assert done.vwap_cost_usd == sign * Decimal("5.00")
    assert execution.arrival_cost([done]).cost_bps == sign * Decimal(250)
    assert execution.arrival_cost([done]).orders == 1


def test_orders_without_a_yardstick_are_left_out_and_counted_out() -> None:
    early = execution.executed("sma", at(0), [a_fill(0, 10, "10.00")], BARS)
    later = execution.executed("sma", at(1), [a_fill(1, 10, "10.10")], BARS)

    found = execution.arrival_cost([early, later])

    assert (found.orders, found.cost_usd) == (1, Decimal("1.00"))
    assert found.yardstick_notional_usd == 100
    assert execution.arrival_cost([early]).cost_bps is None


def test_exposure_is_held_shares_at_each_minutes_close() -> None:
    bars = {
        "SPY": [a_bar(0, "10.00"), a_bar(1, "11.00")],
        "IBM": [a_bar(1, "100.00", symbol="IBM")],
    }
    fills = [a_fill(0.5, 10, "10.00"), a_fill(1.5, -2, "100.00", "IBM")]

    points = exposure_by_minute({"SPY": 5}, fills, bars)

    assert [(one.at, one.long_usd, one.short_usd) for one in points] == [
        (at(1), Decimal("150.00"), Decimal(0)),
        (at(2), Decimal("165.00"), Decimal("-200.00")),
    ]
    assert (points[1].gross_usd, points[1].net_usd) == (Decimal("365.00"), Decimal("-35.00"))


def test_a_symbol_without_a_price_yet_is_left_out() -> None:
    (point,) = exposure_by_minute({"SPY": 5, "IBM": 9}, [], {"SPY": [a_bar(0, "10.00")]})

    assert point.long_usd == Decimal("50.00")
