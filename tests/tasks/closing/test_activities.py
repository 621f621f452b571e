"""Fees, dividends and splits are compared as such, and what follows from one is no second break."""

from datetime import date, timedelta
from decimal import Decimal

import pytest

from tasks.closing.pnl import ensure_pnl_frozen
from tasks.closing.reconciliation import (
    check_books_agree,
    check_books_of_past_day,
    check_books_rebuilt,
    check_overnight_reconciliation,
    ensure_reconciliation_kept,
)
from tasks.closing.statements import comparison
from tasks.kernel import Run, Verdict, settle
from tests.tasks.books import DAY, TwoBooks
from trading_core.domain.activities import Activity, ActivityKind
from trading_core.domain.orders import Side
from trading_core.ledger.session import Session
from trading_core.reconciliation.breaks import Break
from trading_core.reconciliation.lifecycle import Standing
from trading_core.storage.connect import Database
from trading_core.storage.trading import breaks, days

TUESDAY = DAY.trading_date
TOMORROW = Session(DAY.account, TUESDAY + timedelta(days=2))
FEE, DIVIDEND, SPLIT, OTHER = ActivityKind


@pytest.fixture
def books(database: Database) -> TwoBooks:
    """A day that ends with 60 shares, and with a fee, a dividend and a split in both books."""
    both = TwoBooks.opened(database)
    both.trade(Side.BUY, 30)
    both.happen(FEE, "-0.35")
    both.happen(DIVIDEND, "12.50")
    both.happen(SPLIT, quantity=30)
    both.move("ACME", "25.13")
    both.close()
    return both


def found_in(books: TwoBooks, day: Session = DAY) -> list[Break]:
    return comparison(books.database, books.broker, day).found


def words(found: list[Break]) -> list[str]:
    return [f"{one.type} {one.subject}" for one in found]


def closed(books: TwoBooks) -> None:
    """Close the day with what it is compared to."""
    compared = settle({"books": check_books_agree.fn(books.database, books.broker, DAY)})
    ensure_reconciliation_kept.fn(books.database, DAY, compared)
    with books.database.transaction() as connection:
        days.close_day(connection, DAY.account, TUESDAY)


def test_fees_dividends_and_splits_in_both_books_are_no_break(books: TwoBooks) -> None:
    result = check_books_agree.fn(books.database, books.broker, DAY)
    assert result.verdict is Verdict.PASS
    assert result.found == "0 breaks in 1 orders, 1 fills, 1 positions, 1 balances, 3 actions"


@pytest.mark.parametrize(
    ("kind", "amount_usd", "quantity", "expected"),
    [
        (FEE, "-1.05", 0, "fee action fee ACME"),
        (DIVIDEND, "7.25", 0, "corporate_action action dividend ACME"),
        (SPLIT, "0", 60, "corporate_action action split ACME"),
        (OTHER, "-500", 0, "cash action other ACME"),
    ],
)
def test_what_only_the_broker_booked_is_one_break_of_its_kind(
    books: TwoBooks, kind: ActivityKind, amount_usd: str, quantity: int, expected: str
) -> None:
    books.happen(kind, amount_usd, quantity=quantity, told=False)
    (one,) = found_in(books)
    assert f"{one.type} {one.subject}" == expected
    assert (one.cash_usd, one.shares) == (Decimal(amount_usd), Decimal(quantity))


def test_a_fee_that_only_our_books_have_is_told_with_both_sums(books: TwoBooks) -> None:
    books.hear(Activity("imagined", FEE, TUESDAY, "ACME", 0, Decimal("-0.15")))
    (one,) = found_in(books)
    assert str(one) == (
        "fee action fee ACME: ours kind fee, on 2024-03-05, shares +0, cash $-0.5, "
        "the broker's kind fee, on 2024-03-05, shares +0, cash $-0.35"
    )


def test_cash_that_a_fee_does_not_explain_is_a_break_beside_it(books: TwoBooks) -> None:
    books.happen(FEE, "-1.05", told=False)
    books.broker.gain(Decimal(-2))
    fee, cash = found_in(books)
    assert (fee.type, fee.cash_usd) == ("fee", Decimal("-1.05"))
    assert (cash.type, cash.cash_usd) == ("cash", Decimal(-2))


def test_a_fee_our_books_learn_of_later_ends_its_break(books: TwoBooks, run: Run) -> None:
    books.happen(FEE, "-1.05", told=False)
    closed(books)
    books.hear(books.broker.activities[-1])
    closed(books)
    with books.database.transaction() as connection:
        (one,) = breaks.listed(connection, settled_too=True)
    assert (one.found.type, one.standing) == ("fee", Standing.RESOLVED)


@pytest.mark.parametrize("on", [TUESDAY, TUESDAY + timedelta(days=1), TOMORROW.trading_date])
def test_what_was_charged_after_the_close_is_a_fee_whatever_day_it_is_dated(
    books: TwoBooks, run: Run, on: date
) -> None:
    closed(books)
    books.happen(FEE, "-0.75", told=False, on=on)
    books.begin(TOMORROW)
    assert words(found_in(books, TOMORROW)) == ["fee action fee ACME"]

    books.hear(books.broker.activities[-1])

    assert found_in(books, TOMORROW) == []
    morning = check_overnight_reconciliation.fn(books.broker, books.database)
    assert morning.verdict is Verdict.PASS


def test_a_past_day_is_compared_by_its_activities_too(books: TwoBooks, run: Run) -> None:
    books.happen(DIVIDEND, "7.25", told=False)
    books.begin(TOMORROW)
    result = check_books_of_past_day.fn(books.database, books.broker, DAY)
    assert result.found.startswith("1 breaks in 1 orders, 1 fills, 0 positions, 0 balances, 3 act")


def test_the_profit_of_a_day_with_activities_is_frozen_at_the_brokers_equity(
    books: TwoBooks, run: Run
) -> None:
    assert check_books_rebuilt.fn(books.database, DAY).verdict is Verdict.PASS
    frozen = ensure_pnl_frozen.fn(books.database, books.broker, DAY).value
    assert frozen is not None
    assert frozen.realized_pnl_usd == Decimal("12.15")
    assert frozen.total_pnl_usd == books.broker.account().equity_usd - frozen.start_equity_usd
