"""A part of a position is in whole shares, of what is held, or it is refused with the reason."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trading_core.domain.position_part import PositionPart
from trading_core.domain.shares import Shares, size


@pytest.mark.parametrize(
    ("amount", "held", "kept"),
    [
        ("all", 5, 0),
        (" All ", -5, 0),
        ("all", 0, 0),
        ("2", 5, 3),
        ("2", -5, 3),
        ("5", 5, 0),
        ("5", Decimal("5.5"), Decimal("0.5")),
        ("50%", 5, 3),
        ("50 %", -5, 3),
        ("33.4%", 100, 67),
        ("100%", 7, 0),
    ],
)
def test_what_stays_is_what_is_not_meant(amount: str, held: Shares, kept: Shares) -> None:
    assert PositionPart("ACME", amount).kept(held) == kept


@pytest.mark.parametrize(
    ("amount", "why"),
    [
        ("0", "expected 1 to 5 shares, was 0"),
        ("6", "expected 1 to 5 shares, was 6"),
        ("0%", "expected more than 0% and at most 100%, was 0%"),
        ("100.1%", "expected more than 0% and at most 100%, was 100.1%"),
        ("19%", "expected one share or more, 19% of 5 is less"),
        ("2 and 40%", 'expected one of "all", shares as "3", a percentage as "50%", was "2 and'),
        ("2 40%", 'was "2 40%"'),
        ("-2", 'was "-2"'),
        ("1.5", 'was "1.5"'),
        ("", 'was ""'),
        ("nan%", 'was "nan%"'),
    ],
)
@pytest.mark.parametrize("held", [5, -5])
def test_what_is_no_part_is_refused_with_the_reason(amount: str, why: str, held: int) -> None:
    assert why in PositionPart("ACME", amount).fault(held)
    with pytest.raises(ValueError, match="ACME: expected"):
        PositionPart("ACME", amount).kept(held)


@given(held=st.integers(-(10**6), 10**6), percent=st.decimals(0, 100, places=2))
def test_a_percentage_never_closes_more_than_it_says_nor_a_share_less(
    held: int, percent: Decimal
) -> None:
    part = PositionPart("ACME", f"{percent}%")
    if not part.fault(held):
        gone = size(held) - part.kept(held)
        assert gone <= size(held) * percent / 100 < gone + 1
