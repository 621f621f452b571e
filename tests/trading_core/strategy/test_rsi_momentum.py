"""The RSI rule: it acts when the index leaves a zone, once, and on the right side."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from trading_core.strategy.indicators import WilderRsi
from trading_core.strategy.rsi_momentum import RsiMomentum, RsiParameters
from trading_core.strategy.stance import Stance


def parameters(
    period: int = 3, *, oversold: int = 25, overbought: int = 75, short_allowed: bool = True
) -> RsiParameters:
    return RsiParameters.model_validate(
        {
            "enabled": True,
            "base_quantity": 100,
            "position_size_multiplier": "0.8",
            "short_allowed": short_allowed,
            "rsi_period": period,
            "rsi_oversold": oversold,
            "rsi_overbought": overbought,
        }
    )


def stances(rule: RsiMomentum, prices: list[int]) -> list[Stance | None]:
    return [rule.on_close(price) for price in prices]


def test_it_buys_when_the_index_leaves_the_oversold_zone() -> None:
    found = stances(RsiMomentum(parameters()), [100, 90, 80, 70, 60, 75, 76])
    assert found == [None, None, None, None, None, Stance.LONG, None]


def test_it_turns_short_when_the_index_leaves_the_overbought_zone() -> None:
    found = stances(RsiMomentum(parameters()), [60, 70, 80, 90, 100, 85, 84])
    assert found == [None, None, None, None, None, Stance.SHORT, None]


def test_without_shorting_it_turns_flat() -> None:
    rule = RsiMomentum(parameters(short_allowed=False))
    assert stances(rule, [60, 70, 80, 90, 100, 85])[-1] is Stance.FLAT


@given(st.lists(st.integers(min_value=90, max_value=110), max_size=80))
def test_it_acts_exactly_where_the_index_crosses_a_level(prices: list[int]) -> None:
    rsi = WilderRsi(3)
    indices = [rsi.add(price) for price in prices]
    expected: list[Stance | None] = [None] * len(prices)
    for at in range(1, len(prices)):
        before, after = indices[at - 1], indices[at]
        if before is None or after is None:
            continue
        if before <= Decimal(25) < after:
            expected[at] = Stance.LONG
        elif before >= Decimal(75) > after:
            expected[at] = Stance.SHORT
    assert stances(RsiMomentum(parameters()), prices) == expected


def test_zones_that_overlap_are_refused() -> None:
    with pytest.raises(ValidationError, match="expected less than rsi_overbought"):
        parameters(oversold=75, overbought=75)
