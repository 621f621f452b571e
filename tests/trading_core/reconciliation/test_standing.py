"""A cause is told once, what follows from it is not, and what nothing explains is a break."""

from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from trading_core.domain.activities import ActivityKind
from trading_core.reconciliation.breaks import Break, BreakType, Repair
from trading_core.reconciliation.columns import FillColumns, FillRow
from trading_core.reconciliation.compare import breaks_between
from trading_core.reconciliation.statement import (
    ActionWord,
    BalanceWord,
    HoldingWord,
    OrderWord,
    Statement,
)

DAY = date(2013, 10, 4)
AT = datetime(2013, 10, 4, 15, 0, tzinfo=UTC)
ACME, ACCOUNT = ("PA1", "ACME"), "PA1"
FILLS = [
    FillRow(*ACME, "e1", "o1", Decimal(100), Decimal(50), Decimal(1), AT, DAY),
    FillRow(*ACME, "e2", "o2", Decimal(-40), Decimal(51), Decimal(1), AT, DAY),
]
PRICES_USD = {"ACME": Decimal(52)}


def a_statement(
    fills: list[FillRow] = FILLS, shares: int = 60, cash_usd: str = "97038", cost_usd: str = "3000"
) -> Statement:
    cash = Decimal(cash_usd)
    return Statement(
        FillColumns.of(fills),
        orders={(ACCOUNT, "o2"): OrderWord("ACME", "filled", Decimal(-40), Decimal(-40), DAY)},
        holdings={ACME: HoldingWord(Decimal(shares), Decimal(cost_usd))} if shares else {},
        balances={ACCOUNT: BalanceWord(cash, cash + shares * PRICES_USD["ACME"])},
    )


OURS = a_statement()


def between(ours: Statement, theirs: Statement, cash_after: date | None = None) -> list[Break]:
    return breaks_between(ours, theirs, DAY, prices_usd=PRICES_USD, cash_after=cash_after)


def kinds(breaks: list[Break]) -> list[str]:
    return [f"{one.type} {one.subject}" for one in breaks]


def test_equal_statements_have_no_breaks() -> None:
    assert between(OURS, OURS) == []


def test_a_missing_fill_is_one_break_however_much_it_moves() -> None:
    ours = a_statement(FILLS[:1], shares=100, cash_usd="94999", cost_usd="5000")
    partly = replace(OURS.orders[ACCOUNT, "o2"], status="new", filled_shares=Decimal(0))
    ours = replace(ours, orders={(ACCOUNT, "o2"): partly})

    (found,) = between(ours, OURS)

    assert (found.type, found.name) == (BreakType.MISSING_OURS, "e2")
    assert (found.shares, found.cash_usd) == (Decimal(-40), Decimal(2039))
    assert found.repair is Repair.IMPORT_FILL
    assert found.ours is None
    assert found.theirs is not None
    assert found.theirs["price"] == "$51"


def test_what_a_missing_fill_does_not_explain_is_a_break_beside_it() -> None:
    ours = a_statement(FILLS[:1], shares=93, cash_usd="94989", cost_usd="5000")
    ours = replace(ours, orders=OURS.orders)
    found = between(ours, OURS)
    assert kinds(found) == ["missing_ours fill e2", "quantity position ACME", "cash cash"]
    assert [one.shares for one in found[1:]] == [Decimal(7), Decimal(0)]
    assert found[2].cash_usd == Decimal(10)


@pytest.mark.parametrize("booked", [False, True])
def test_a_duplicate_explains_a_position_whether_it_was_booked_or_not(booked: bool) -> None:
    told_twice = [*FILLS, replace_id(FILLS[1])]
    ours = (
        a_statement(told_twice, shares=20, cash_usd="99077") if booked else a_statement(told_twice)
    )
    assert kinds(between(ours, OURS)) == ["duplicate_ours fill e3"]


def replace_id(row: FillRow) -> FillRow:
    return row._replace(execution_id="e3")


@pytest.mark.parametrize(
    ("theirs", "expected"),
    [
        (a_statement(shares=0), "orphan_position position ACME"),
        (a_statement(shares=61), "quantity position ACME"),
        (a_statement(cost_usd="3000.01"), "price position ACME"),
        (a_statement(cash_usd="97038.01"), "cash cash"),
        (
            replace(OURS, balances={ACCOUNT: BalanceWord(Decimal(97038), Decimal("100158.02"))}),
            "profit equity",
        ),
        (replace(OURS, orders={}), "order order o2"),
        (
            replace(
                OURS,
                actions=(ActionWord(ACCOUNT, ActivityKind.FEE, "", DAY, cash_usd=Decimal(-3)),),
            ),
            "fee action fee",
        ),
    ],
)
def test_each_standing_that_is_apart_is_one_break_of_its_type(
    theirs: Statement, expected: str
) -> None:
    assert kinds(between(OURS, theirs)) == [expected]


def test_a_split_that_only_the_broker_booked_is_a_corporate_action_and_no_orphan() -> None:
    split = ActionWord(ACCOUNT, ActivityKind.SPLIT, "ACME", DAY, shares=Decimal(60))
    theirs = replace(a_statement(shares=120), actions=(split,))
    (found,) = between(OURS, theirs)
    assert (found.type, found.name) == (BreakType.CORPORATE_ACTION, "split ACME")
    assert found.repair is Repair.ASK_BROKER
    assert between(theirs, theirs) == []


def test_a_dividend_only_the_broker_booked_explains_the_cash() -> None:
    paid = ActionWord(ACCOUNT, ActivityKind.DIVIDEND, "ACME", DAY, cash_usd=Decimal("12.50"))
    theirs = replace(a_statement(cash_usd="97050.50"), actions=(paid,))
    assert kinds(between(OURS, theirs)) == ["corporate_action action dividend ACME"]


def test_a_fee_explains_no_other_cost_of_the_position() -> None:
    charged = ActionWord(ACCOUNT, ActivityKind.FEE, "ACME", DAY, cash_usd=Decimal(-3))
    theirs = replace(a_statement(cash_usd="97035", cost_usd="3001"), actions=(charged,))
    assert kinds(between(OURS, theirs)) == ["fee action fee ACME", "price position ACME"]


def test_a_break_of_a_day_whose_cash_was_agreed_on_explains_no_cash_again() -> None:
    ours = a_statement(FILLS[:1], shares=60)
    assert kinds(between(ours, OURS, cash_after=DAY)) == ["missing_ours fill e2"]
    apart = a_statement(FILLS[:1], shares=60, cash_usd="94999")
    assert kinds(between(apart, OURS, cash_after=DAY)) == ["missing_ours fill e2", "cash cash"]


def test_a_break_found_again_is_the_same_one_and_by_another_amount_another() -> None:
    (first,) = between(OURS, a_statement(shares=61))
    (again,) = breaks_between(
        OURS, a_statement(shares=61), date(2013, 10, 7), prices_usd=PRICES_USD
    )
    (other,) = between(OURS, a_statement(shares=62))
    assert first.id == again.id
    assert first.id != other.id
    assert str(first) == (
        "quantity position ACME: ours shares +60, cost $3000.00, "
        "the broker's shares +61, cost $3000.00"
    )
