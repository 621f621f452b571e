"""Two books agree to the cent or every disagreement is named; nothing in between."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import psycopg
import pytest

from tasks.closing.reconciliation import (
    check_books_agree,
    check_books_of_past_day,
    check_books_rebuilt,
    check_overnight_reconciliation,
    ensure_reconciliation_kept,
)
from tasks.closing.statements import comparison
from tasks.kernel import Checklist, CheckResult, Did, Run, Verdict, settle
from tests.fakes.broker import FakeBroker
from tests.tasks.books import DAY, TwoBooks
from tests.tasks.planted import PLANTED
from trading_core.broker.contract import HeldPosition
from trading_core.clock import seconds
from trading_core.domain.orders import Side
from trading_core.errors import CheckFailed, Unreachable
from trading_core.ledger.session import Session
from trading_core.reconciliation.lifecycle import Event, KeptBreak, Standing
from trading_core.storage.connect import Database
from trading_core.storage.trading import breaks, days, reconciliations
from trading_core.storage.trading.breaks import Word
from trading_core.storage.trading.reconciliations import Found

TOMORROW = Session(DAY.account, DAY.trading_date + timedelta(days=1))


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


def compared(books: TwoBooks, day: Session = DAY) -> Checklist:
    return settle({"books agree": check_books_agree.fn(books.database, books.broker, day)})


def found_in(books: TwoBooks, day: Session = DAY) -> list[str]:
    made = comparison(books.database, books.broker, day)
    return [f"{one.type} {one.subject}" for one in made.found]


def kept(books: TwoBooks, day: Session = DAY) -> Did:
    return ensure_reconciliation_kept.fn(books.database, day, compared(books, day)).did


def on_record(books: TwoBooks) -> list[KeptBreak]:
    with books.database.transaction() as connection:
        return breaks.listed(connection, settled_too=True)


def change(books: TwoBooks, statement: str) -> None:
    with books.database.transaction() as connection:
        connection.execute(statement.encode())


def test_books_of_the_same_day_agree_to_the_cent(books: TwoBooks) -> None:
    result = compared(books).lines[0].result
    assert result.verdict is Verdict.PASS
    assert result.found == "0 breaks in 3 orders, 3 fills, 2 positions, 1 balances, 0 actions"


def test_a_day_that_began_with_profit_and_positions_agrees_too(database: Database) -> None:
    both = TwoBooks.opened(database)
    both.trade(Side.SELL, 100)  # short
    both.trade(Side.BUY, 130)
    both.move("ACME", "47.10")
    both.close()
    assert compared(both).is_ready


def test_a_fill_our_books_never_heard_of_is_one_break(books: TwoBooks) -> None:
    books.trade(Side.BUY, 10, "BOLT", told=False)
    (one,) = comparison(books.database, books.broker, DAY).found
    assert str(one) == (
        "missing_ours fill execution-4: ours nothing, the broker's execution execution-4, "
        "order order-4, shares +10, price $50.01, fee $0, at 2024-03-05T21:00:00+00:00, "
        "day 2024-03-05"
    )


@pytest.mark.parametrize("expected", PLANTED)
def test_each_break_planted_in_the_tables_is_found_as_exactly_itself(
    books: TwoBooks, run: Run, expected: str
) -> None:
    change(books, PLANTED[expected])

    assert found_in(books) == [expected]
    assert kept(books) is Did.CHANGED

    (one,) = on_record(books)
    assert f"{one.found.type} {one.found.subject}" == expected
    assert (one.standing, one.owner) == (Standing.OPEN, "")
    assert one.found.ours != one.found.theirs


class RestlessBroker(FakeBroker):
    """A broker whose market moves whenever somebody looks."""

    def positions(self) -> list[HeldPosition]:
        self.now += seconds(1)
        return super().positions()


def test_a_market_that_never_stands_still_is_not_guessed_at(books: TwoBooks) -> None:
    with pytest.raises(Unreachable, match="expected one quiet moment"):
        comparison(books.database, RestlessBroker({}), DAY)


def test_a_comparison_is_kept_once_and_replaced_by_a_later_one(books: TwoBooks, run: Run) -> None:
    assert [kept(books), kept(books)] == [Did.CHANGED, Did.NOTHING]

    books.trade(Side.BUY, 10, told=False)
    kept(books)

    with books.database.transaction() as connection:
        row = reconciliations.of_day(connection, DAY.account, DAY.trading_date)
        rows = connection.execute("SELECT count(*) FROM reconciliations").fetchone()
    assert row is not None
    assert (row.break_count, rows) == (1, (1,))
    assert row.breaks[0]["kind"] == "missing ours"


def test_a_break_is_carried_to_the_next_day_and_resolved_when_it_is_gone(
    books: TwoBooks, run: Run
) -> None:
    change(books, "UPDATE orders SET status = 'canceled' WHERE client_order_id = 'order-1'")
    kept(books)
    next_day(books)

    result = compared(books, TOMORROW).lines[0].result
    kept(books, TOMORROW)

    assert result.verdict is Verdict.FAIL
    assert result.found.startswith("1 breaks in 3 orders")
    change(books, "UPDATE orders SET status = 'filled' WHERE client_order_id = 'order-1'")
    assert compared(books, TOMORROW).is_ready
    # The second look is at the new day only: nothing of the old one is unsettled any more.
    assert [kept(books, TOMORROW) for _ in range(3)] == [Did.CHANGED, Did.CHANGED, Did.NOTHING]
    (one,) = on_record(books)
    assert one.standing is Standing.RESOLVED
    assert life_of(books, one.id) == ["opened", "carried", "resolved"]


def test_what_is_explained_is_no_reason_to_wait_and_comes_up_again_when_it_is_another(
    books: TwoBooks, run: Run
) -> None:
    change(books, "UPDATE positions SET quantity = 61 WHERE symbol = 'ACME'")
    kept(books)
    (one,) = on_record(books)
    with books.database.transaction() as connection:
        word = Word(DAY.trading_date, "on-call", "a transfer from the other desk")
        breaks.add_event(connection, one.id, Event.EXPLAINED, word)

    result = compared(books).lines[0].result
    assert (result.verdict, result.found[:26]) == (Verdict.WARN, "0 breaks (and 1 explained)")
    change(books, "UPDATE positions SET quantity = 62 WHERE symbol = 'ACME'")
    assert not compared(books).is_ready
    kept(books)
    assert [one.standing for one in on_record(books)] == [Standing.RESOLVED, Standing.OPEN]


def test_a_break_that_comes_back_is_opened_again(books: TwoBooks, run: Run) -> None:
    for quantity in (61, 60, 61):
        change(books, f"UPDATE positions SET quantity = {quantity} WHERE symbol = 'ACME'")
        kept(books)
    (one,) = on_record(books)
    assert one.standing is Standing.OPEN
    assert life_of(books, one.id) == ["opened", "resolved", "reopened"]


def next_day(books: TwoBooks, cash_usd: Decimal = Decimal(0)) -> None:
    """Close the day as it was compared, and begin the next; the broker moves cash overnight."""
    with books.database.transaction() as connection:
        days.close_day(connection, DAY.account, DAY.trading_date)
    books.broker.gain(cash_usd)
    books.begin(TOMORROW)


def life_of(books: TwoBooks, break_id: str) -> list[str]:
    with books.database.transaction() as connection:
        return [one.event for one in breaks.life_of(connection, break_id)]


def test_cash_that_went_overnight_is_a_break_in_the_morning_and_at_the_close(
    books: TwoBooks, run: Run
) -> None:
    kept(books)
    next_day(books, Decimal("-25.50"))

    morning = check_overnight_reconciliation.fn(books.broker, books.database)
    books.trade(Side.BUY, 7, day=TOMORROW)
    found = comparison(books.database, books.broker, TOMORROW).found

    assert morning.verdict is Verdict.FAIL
    assert morning.found == "cash is $-25.50 from what 2024-03-05 was closed with"
    assert [(one.type, one.cash_usd) for one in found] == [("cash", Decimal("-25.50"))]


def test_a_quiet_night_and_the_fills_of_the_day_after_it_agree(books: TwoBooks, run: Run) -> None:
    kept(books)
    next_day(books)
    books.trade(Side.SELL, 60, day=TOMORROW)
    assert check_overnight_reconciliation.fn(books.broker, books.database).verdict is Verdict.PASS
    assert found_in(books, TOMORROW) == []


def test_a_day_the_exchange_has_left_is_compared_by_its_fills_alone(
    books: TwoBooks, run: Run
) -> None:
    change(books, "UPDATE fills SET quantity = 101 WHERE execution_id = 'execution-1'")
    next_day(books)
    result = check_books_of_past_day.fn(books.database, books.broker, DAY)
    assert result.verdict is Verdict.FAIL
    assert result.found.startswith("1 breaks in 3 orders, 3 fills, 0 positions, 0 balances")


def test_what_is_on_record_of_a_break_cannot_be_changed(books: TwoBooks, run: Run) -> None:
    change(books, "UPDATE positions SET quantity = 61 WHERE symbol = 'ACME'")
    kept(books)
    for statement in ("UPDATE break_events SET reason = 'x'", "DELETE FROM breaks"):
        with pytest.raises((psycopg.errors.InsufficientPrivilege, psycopg.errors.RaiseException)):
            change(books, statement)


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
    ("closed", "breaks_kept", "verdict", "found"),
    [
        (True, [], Verdict.PASS, "2024-03-04 closed with 0 breaks"),
        (True, [{"kind": "cash"}], Verdict.FAIL, "1 breaks are open"),
        (True, None, Verdict.FAIL, "2024-03-04 was never compared"),
        (False, [], Verdict.FAIL, "2024-03-04 was never closed"),
    ],
)
def test_yesterday_must_be_closed_and_clean(
    database: Database,
    closed: bool,
    breaks_kept: list[dict[str, str]] | None,
    verdict: Verdict,
    found: str,
) -> None:
    both = TwoBooks.opened(database)
    yesterday = DAY.trading_date.replace(day=4)
    with database.transaction() as connection:
        days.open_day(connection, DAY.account, yesterday, "synthetic")
        if closed:
            days.close_day(connection, DAY.account, yesterday)
        if breaks_kept is not None:
            reconciliations.save(connection, DAY.account, yesterday, Found({}, breaks_kept))

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
