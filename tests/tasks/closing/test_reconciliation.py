"""Two books agree to the cent or every disagreement is named; nothing in between."""

from dataclasses import replace
from decimal import Decimal

import pytest

from tasks.closing.reconciliation import (
    Break,
    check_books_agree,
    check_books_rebuilt,
    check_overnight_reconciliation,
    compare,
    ensure_reconciliation_kept,
    their_books,
)
from tasks.kernel import Checklist, CheckResult, Did, Run, Verdict, settle
from tests.fakes.broker import FakeBroker
from tests.tasks.books import DAY, TwoBooks
from trading_core.broker.contract import HeldPosition
from trading_core.clock import seconds
from trading_core.domain.orders import OrderStatus, Side
from trading_core.errors import CheckFailed, Unreachable
from trading_core.storage.connect import Database
from trading_core.storage.trading import days, reconciliations


@pytest.fixture
def books(database: Database) -> TwoBooks:
    """A day of three fills in two symbols, one position carried, the market moved since."""
    both = TwoBooks.opened(database)
    both.trade(Side.BUY, 100)
    both.trade(Side.BUY, 30, "BOLT")
    both.move("ACME", "51.235")
    both.trade(Side.SELL, 40)
    both.move("ACME", "50.995")
    both.refuse()
    both.close()
    return both


def compared(books: TwoBooks) -> Checklist:
    return settle({"books agree": check_books_agree.fn(books.database, books.broker, DAY)})


def breaks_of(checklist: Checklist) -> list[Break]:
    kept = checklist.lines[0].result.evidence["breaks"]
    assert isinstance(kept, list)
    return [Break(**one) for one in kept]


def test_books_of_the_same_day_agree_to_the_cent(books: TwoBooks) -> None:
    result = compared(books).lines[0].result
    assert result.verdict is Verdict.PASS
    assert result.found == "0 breaks in 3 orders, 3 fills, 2 positions, 2 balances"


def test_a_day_that_began_with_profit_and_positions_agrees_too(database: Database) -> None:
    both = TwoBooks.opened(database)
    both.trade(Side.SELL, 100)  # short
    both.trade(Side.BUY, 130)
    both.move("ACME", "47.10")
    both.close()
    assert compared(both).is_ready


def test_a_fill_our_books_never_heard_of_shows_in_everything_it_moved(books: TwoBooks) -> None:
    books.trade(Side.BUY, 10, "BOLT", told=False)

    found = breaks_of(compared(books))

    assert [one.kind for one in found] == ["order", "fill", "position", "cash", "equity"]
    fill = found[1]
    assert (fill.subject, fill.ours) == ("execution-4", "nothing")
    assert fill.theirs.startswith("buy 10 BOLT at $50.0100 for order-4")


def test_a_cent_of_cash_is_a_break(books: TwoBooks) -> None:
    theirs, _ = their_books(books.broker, DAY)
    found = compare(theirs, replace(theirs, cash_usd=theirs.cash_usd + Decimal("0.01")))
    assert [one.kind for one in found] == ["cash"]


def test_an_order_that_ended_differently_is_a_break(books: TwoBooks) -> None:
    theirs, _ = their_books(books.broker, DAY)
    changed = dict(theirs.orders)
    changed["order-1"] = replace(changed["order-1"], status=OrderStatus.CANCELED)

    (found,) = compare(theirs, replace(theirs, orders=changed))

    assert str(found) == (
        "order order-1: ours buy 100 ACME, filled, 100 filled, "
        "the broker's buy 100 ACME, canceled, 100 filled"
    )


def test_what_one_side_has_and_the_other_not_is_a_break_either_way(books: TwoBooks) -> None:
    theirs, _ = their_books(books.broker, DAY)
    fewer = replace(theirs, positions={"BOLT": theirs.positions["BOLT"]})
    assert [str(one) for one in compare(theirs, fewer)] == [
        "position ACME: ours 60 shares for $3000.60, the broker's nothing"
    ]
    assert [one.ours for one in compare(fewer, theirs)] == ["nothing"]


class RestlessBroker(FakeBroker):
    """A broker whose market moves whenever somebody looks."""

    def positions(self) -> list[HeldPosition]:
        self.now += seconds(1)
        return super().positions()


def test_a_market_that_never_stands_still_is_not_guessed_at() -> None:
    with pytest.raises(Unreachable, match="expected one quiet moment"):
        their_books(RestlessBroker({}), DAY)


def test_a_comparison_is_kept_once_and_replaced_by_a_later_one(books: TwoBooks, run: Run) -> None:
    agreed = compared(books)
    assert ensure_reconciliation_kept.fn(books.database, DAY, agreed).did is Did.CHANGED
    assert ensure_reconciliation_kept.fn(books.database, DAY, agreed).did is Did.NOTHING

    books.trade(Side.BUY, 10, told=False)
    ensure_reconciliation_kept.fn(books.database, DAY, compared(books))

    with books.database.transaction() as connection:
        kept = reconciliations.of_day(connection, DAY.account, DAY.trading_date)
        rows = connection.execute("SELECT count(*) FROM reconciliations").fetchone()
    assert kept is not None
    assert (kept.break_count, rows) == (5, (1,))


def test_books_that_could_not_be_read_are_not_kept_as_clean(books: TwoBooks, run: Run) -> None:
    unread = settle({"books agree": CheckResult(Verdict.UNKNOWN, "no answer", "both books")})
    with pytest.raises(CheckFailed, match="books agree: expected both books, found no answer"):
        ensure_reconciliation_kept.fn(books.database, DAY, unread)


def test_a_day_our_books_never_began_is_said_to_be_missing(database: Database) -> None:
    both = TwoBooks.opened(database)
    other = replace(DAY, account="PA0000000")
    with pytest.raises(CheckFailed, match="expected the day's start in daily_pnl"):
        check_books_agree.fn(database, both.broker, other)


@pytest.mark.parametrize(
    ("closed", "breaks", "verdict", "found"),
    [
        (True, [], Verdict.PASS, "2024-03-04 closed with 0 breaks"),
        (True, [{"kind": "cash"}], Verdict.FAIL, "2024-03-04 closed with 1 breaks"),
        (True, None, Verdict.FAIL, "2024-03-04 was never compared"),
        (False, [], Verdict.FAIL, "2024-03-04 was never closed"),
    ],
)
def test_yesterday_must_be_closed_and_clean(
    database: Database,
    closed: bool,
    breaks: list[dict[str, str]] | None,
    verdict: Verdict,
    found: str,
) -> None:
    both = TwoBooks.opened(database)
    yesterday = DAY.trading_date.replace(day=4)
    with database.transaction() as connection:
        days.open_day(connection, DAY.account, yesterday, "synthetic")
        if closed:
            days.close_day(connection, DAY.account, yesterday)
        if breaks is not None:
            reconciliations.save(connection, DAY.account, yesterday, {}, breaks)

    result = check_overnight_reconciliation.fn(both.broker, database)

    assert (result.verdict, result.found) == (verdict, found)


def test_an_accounts_first_day_has_no_yesterday(database: Database) -> None:
    both = TwoBooks.opened(database)
    result = check_overnight_reconciliation.fn(both.broker, database)
    assert (result.verdict, result.found) == (Verdict.PASS, "first day of account PA7777777")


def test_books_that_the_fills_do_not_make_are_named(books: TwoBooks) -> None:
    assert check_books_rebuilt.fn(books.database, DAY).verdict is Verdict.PASS

    with books.database.transaction() as connection:
        connection.execute("UPDATE positions SET realized_pnl_usd = 1 WHERE symbol = 'ACME'")

    result = check_books_rebuilt.fn(books.database, DAY)
    assert result.verdict is Verdict.FAIL
    assert result.found.startswith("position ACME: the fills make ")
