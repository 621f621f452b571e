"""Indicators against their definitions, computed slowly and from scratch for each bar."""

from decimal import Decimal
from fractions import Fraction
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trading_core.strategy.indicators import RollingSum, WilderRsi

PRICES = st.lists(st.integers(min_value=1, max_value=5_000_000), min_size=1, max_size=120)


@given(PRICES, st.integers(min_value=1, max_value=30))
def test_the_rolling_sum_is_the_sum_of_the_last_prices(prices: list[int], length: int) -> None:
    rolling = RollingSum(length)
    for seen in range(1, len(prices) + 1):
        rolling.add(prices[seen - 1])
        assert rolling.sum_ticks == sum(prices[max(0, seen - length) : seen])
        assert rolling.is_full == (seen >= length)


def slow_rsi(prices: list[int], period: int) -> Fraction | None:
    """Wilder's definition in exact fractions: mean of the first changes, then smoothing."""
    changes = [after - before for before, after in pairwise(prices)]
    if len(changes) < period:
        return None
    gain = Fraction(sum(max(change, 0) for change in changes[:period]), period)
    loss = Fraction(sum(max(-change, 0) for change in changes[:period]), period)
    for change in changes[period:]:
        gain = (gain * (period - 1) + max(change, 0)) / period
        loss = (loss * (period - 1) + max(-change, 0)) / period
    if gain == loss == 0:
        return Fraction(50)
    if loss == 0:
        return Fraction(100)
    return 100 - 100 / (1 + gain / loss)


@given(PRICES, st.integers(min_value=2, max_value=30))
def test_the_rsi_is_wilders(prices: list[int], period: int) -> None:
    rsi = WilderRsi(period)
    for seen in range(1, len(prices) + 1):
        index = rsi.add(prices[seen - 1])
        expected = slow_rsi(prices[:seen], period)
        if expected is None:
            assert index is None
        else:
            assert index is not None
            assert abs(Fraction(index) - expected) < Fraction(1, 10**25)


@pytest.mark.parametrize(
    ("prices", "index"),
    [
        ([100, 101, 102, 103], Decimal(100)),
        ([103, 102, 101, 100], Decimal(0)),
        ([100, 100, 100, 100], Decimal(50)),
        ([100, 103, 102, 102], Decimal(75)),
    ],
    ids=["only gains", "only losses", "never moved", "three up, one down"],
)
def test_the_rsi_of_a_few_prices_can_be_checked_by_hand(prices: list[int], index: Decimal) -> None:
    rsi = WilderRsi(period=3)
    assert [rsi.add(price) for price in prices] == [None, None, None, index]
