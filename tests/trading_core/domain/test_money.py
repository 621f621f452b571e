"""Ticks and dollars are the same money."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trading_core.domain.money import from_ticks, to_cents, to_ticks


@given(st.integers(-(10**12), 10**12))
def test_ticks_survive_the_way_to_dollars_and_back(ticks: int) -> None:
    assert to_ticks(from_ticks(ticks)) == ticks


def test_a_price_finer_than_a_tick_is_refused() -> None:
    with pytest.raises(ValueError, match=r"0\.0001"):
        to_ticks(Decimal("10.00005"))


@pytest.mark.parametrize(
    ("amount", "cents"),
    [("0.005", "0.00"), ("0.015", "0.02"), ("-0.005", "0.00"), ("1.23", "1.23")],
)
def test_half_a_cent_goes_to_the_even_one(amount: str, cents: str) -> None:
    assert to_cents(Decimal(amount)) == Decimal(cents)
