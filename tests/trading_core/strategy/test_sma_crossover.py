"""The crossover rule against its definition: averages taken afresh from every bar."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from trading_core.strategy.sma_crossover import SmaCrossover, SmaParameters
from trading_core.strategy.stance import Stance


def parameters(short: int = 2, long: int = 4, *, short_allowed: bool = True) -> SmaParameters:
    return SmaParameters.model_validate(
        {
            "enabled": True,
            "base_quantity": 100,
            "position_size_multiplier": "0.8",
            "short_allowed": short_allowed,
            "sma_short": short,
            "sma_long": long,
        }
    )


def slow_stances(prices: list[int], short: int, long: int) -> list[Stance | None]:
    """Stance changes by definition: the sign of the gap differs from the last sign it had."""
    stances: list[Stance | None] = []
    signs: list[bool] = []
    for seen in range(1, len(prices) + 1):
        stances.append(None)
        if seen < long:
            continue
        gap = Fraction(sum(prices[seen - short : seen]), short) - Fraction(
            sum(prices[seen - long : seen]), long
        )
        if gap == 0:
            continue
        if signs and signs[-1] != (gap > 0):
            stances[-1] = Stance.LONG if gap > 0 else Stance.SHORT
        signs.append(gap > 0)
    return stances


@given(
    st.lists(st.integers(min_value=95, max_value=105), max_size=80),
    st.integers(min_value=2, max_value=5),
    st.integers(min_value=1, max_value=5),
)
def test_stances_change_exactly_where_the_averages_cross(
    prices: list[int], short: int, longer_by: int
) -> None:
    rule = SmaCrossover(parameters(short, short + longer_by))
    found = [rule.on_close(price) for price in prices]
    assert found == slow_stances(prices, short, short + longer_by)


def test_without_shorting_a_cross_down_leads_to_flat() -> None:
    rule = SmaCrossover(parameters(short_allowed=False))
    stances = [rule.on_close(price) for price in (10, 11, 12, 13, 9, 5, 4)]
    assert [stance for stance in stances if stance] == [Stance.FLAT]


def test_averages_that_touch_and_part_again_change_nothing() -> None:
    rule = SmaCrossover(parameters(2, 4))
    # The gap is positive, then exactly zero, then positive again.
    assert [rule.on_close(price) for price in (10, 10, 12, 12, 10, 15, 15)] == [None] * 7


def test_a_short_average_that_is_not_shorter_is_refused() -> None:
    with pytest.raises(ValidationError, match="expected less than sma_long"):
        parameters(4, 4)
