"""Columns find what a simple definition finds, row by row, whatever the rows."""

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trading_core.reconciliation.breaks import Break, BreakType
from trading_core.reconciliation.columns import FillColumns, FillRow, Texts
from trading_core.reconciliation.compare import breaks_between
from trading_core.reconciliation.fills import compare_fills
from trading_core.reconciliation.matching import Hashes, hashed, matched
from trading_core.reconciliation.planted import DAY, found_as, two_books
from trading_core.reconciliation.tolerances import EXACT, Tolerances

NOON = datetime(2013, 10, 4, 16, 0, tzinfo=UTC)

# Few values of each, so that rows meet: on the other side, and on their own.
rows = st.lists(
    st.builds(
        FillRow,
        account=st.sampled_from(["PA1", "PA2"]),
        symbol=st.sampled_from(["ACME", "BOLT"]),
        execution_id=st.sampled_from(["e1", "e2", "e3", "an-execution-with-a-long-id", "é"]),
        order_id=st.sampled_from(["o1", "o2"]),
        signed_shares=st.sampled_from([Decimal(1), Decimal(-1), Decimal("0.5")]),
        price_usd=st.sampled_from([Decimal(10), Decimal("10.0001")]),
        fee_usd=st.sampled_from([Decimal(0), Decimal("0.005"), Decimal("0.006")]),
        executed_at=st.sampled_from([NOON + timedelta(seconds=0.6) * step for step in range(4)]),
        trading_date=st.sampled_from([date(2013, 10, 4), date(2013, 10, 7)]),
    ),
    max_size=7,
)


def defined(ours: list[FillRow], theirs: list[FillRow], limits: Tolerances) -> Counter[object]:
    """Return what the five rules at the top of trading_core/reconciliation/fills.py say."""
    found: Counter[object] = Counter()
    here = first_of_each_id(ours, BreakType.DUPLICATE_OURS, found)
    there = first_of_each_id(theirs, BreakType.DUPLICATE_THEIRS, found)
    both = here.keys() & there.keys()
    for key in both:
        for kind in differing(here[key], there[key], limits):
            note(found, kind, there[key])
    left_ours = not_told_again(here, both, BreakType.DUPLICATE_OURS, found)
    left_theirs = not_told_again(there, both, BreakType.DUPLICATE_THEIRS, found)
    for row in left_ours:
        partner = next((one for one in left_theirs if is_same_trade(row, one, limits)), None)
        note(found, BreakType.IDENTITY if partner else BreakType.MISSING_THEIRS, partner or row)
        if partner:
            left_theirs.remove(partner)
    for row in left_theirs:
        note(found, BreakType.MISSING_OURS, row)
    return found


def first_of_each_id(
    side: list[FillRow], kind: BreakType, found: Counter[object]
) -> dict[object, FillRow]:
    first: dict[object, FillRow] = {}
    for row in side:
        if row[:3] in first:
            note(found, kind, row)
        first.setdefault(row[:3], row)
    return first


def not_told_again(
    side: dict[object, FillRow], both: set[object], kind: BreakType, found: Counter[object]
) -> list[FillRow]:
    known = [told(side[key]) for key in both]
    left = [row for key, row in side.items() if key not in both]
    for row in left:
        if told(row) in known:
            note(found, kind, row)
    return sorted((row for row in left if told(row) not in known), key=lambda row: row.executed_at)


def note(found: Counter[object], kind: BreakType, row: FillRow) -> None:
    found[kind, row.account, row.symbol, row.execution_id] += 1


def differing(ours: FillRow, theirs: FillRow, limits: Tolerances) -> list[BreakType]:
    apart = {
        BreakType.QUANTITY: abs(ours.signed_shares - theirs.signed_shares) > limits.quantity_shares,
        BreakType.PRICE: abs(ours.price_usd - theirs.price_usd) > limits.price_usd,
        BreakType.FEE: abs(ours.fee_usd - theirs.fee_usd) > limits.fee_usd,
        BreakType.TIMING: abs(ours.executed_at - theirs.executed_at) > limits.time
        or ours.trading_date != theirs.trading_date,
    }
    return [kind for kind, is_apart in apart.items() if is_apart]


def told(row: FillRow) -> tuple[object, ...]:
    """What a fill says of itself but its id, its fee and its day."""
    return row.account, row.symbol, row.order_id, row.signed_shares, row.price_usd, row.executed_at


def is_same_trade(one: FillRow, other: FillRow, limits: Tolerances) -> bool:
    same = one[:2] == other[:2] and one[4:6] == other[4:6]
    return same and abs(one.executed_at - other.executed_at) <= limits.time


def named(breaks: list[Break]) -> Counter[object]:
    return Counter((one.type, one.account, one.symbol, one.name) for one in breaks)


@given(rows, rows, st.sampled_from([EXACT, Tolerances(price_usd=Decimal("0.0001"))]))
def test_columns_find_what_the_definition_finds(
    ours: list[FillRow], theirs: list[FillRow], limits: Tolerances
) -> None:
    found = compare_fills(FillColumns.of(ours), FillColumns.of(theirs), limits)
    assert named(found) == defined(ours, theirs, limits)


@given(rows)
def test_a_book_agrees_with_itself_but_for_what_it_tells_twice(side: list[FillRow]) -> None:
    found = compare_fills(FillColumns.of(side), FillColumns.of(side), EXACT)
    kinds = Counter(one.type for one in found)
    assert set(kinds) <= {BreakType.DUPLICATE_OURS, BreakType.DUPLICATE_THEIRS}
    assert kinds[BreakType.DUPLICATE_OURS] == kinds[BreakType.DUPLICATE_THEIRS]


@given(rows)
def test_columns_give_back_the_rows_they_were_made_of(side: list[FillRow]) -> None:
    columns = FillColumns.of(side)
    assert columns.rows(np.arange(len(side))) == side


@pytest.mark.parametrize("seed", range(4))
def test_every_planted_break_is_found_as_itself_and_none_is_invented(seed: int) -> None:
    books = two_books(2_000, 0.01, seed)
    between = breaks_between(books.ours, books.theirs, DAY, prices_usd=books.prices_usd)
    assert {found_as(one) for one in between} == books.planted
    assert len(between) == len(books.planted)
    assert {kind for kind, *_ in books.planted} == set(BreakType)


def test_different_keys_of_one_hash_are_not_taken_for_one() -> None:
    def first_letter_only(columns: Sequence[Texts], seed: int) -> Hashes:
        """Collides until another hash is asked for."""
        return hashed([columns[0].astype("S1")] if seed == 0 else columns, seed)

    ours, theirs = np.array([b"e1", b"e2"]), np.array([b"e2", b"e3-which-is-longer"])
    found = matched([ours], [theirs], first_letter_only)
    assert (found.ours.tolist(), found.theirs.tolist()) == ([1], [0])
    assert (found.only_ours.tolist(), found.only_theirs.tolist()) == ([0], [1])


def test_an_amount_finer_than_its_unit_is_refused_and_not_rounded() -> None:
    row = FillRow(
        "PA1", "ACME", "e1", "o1", Decimal(1), Decimal("0.0000001"), Decimal(0), NOON, DAY
    )
    with pytest.raises(ValueError, match="expected a multiple of 1/1000000, was 1E-7"):
        FillColumns.of([row])


def test_a_tolerance_below_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="tolerance time: expected at least 0"):
        Tolerances(time=timedelta(seconds=-1))
