"""A break is assigned, explained, repaired and put back, all on record, and the books follow."""

from decimal import Decimal

import pytest

from tasks.books.breaks import (
    check_no_open_breaks,
    ensure_break_assigned,
    ensure_break_explained,
    require_break,
)
from tasks.books.repairs import ensure_break_repaired, ensure_repair_reversed
from tasks.closing.reconciliation import (
    check_books_agree,
    check_books_rebuilt,
    ensure_reconciliation_kept,
)
from tasks.closing.statements import comparison
from tasks.kernel import Did, Run, Verdict, settle
from tests.tasks.books import DAY, TwoBooks
from tests.tasks.planted import REBUILDABLE, REPAIRABLE
from trading_core.domain.orders import OrderRequest, OrderType, Side
from trading_core.errors import CheckFailed
from trading_core.reconciliation.breaks import BreakType
from trading_core.reconciliation.lifecycle import Standing
from trading_core.storage.connect import Database
from trading_core.storage.trading import breaks


@pytest.fixture
def books(database: Database) -> TwoBooks:
    """Bought 100 and 30, sold 40, all of it agreed on."""
    both = TwoBooks.opened(database)
    both.trade(Side.BUY, 100)
    both.trade(Side.BUY, 30, "BOLT")
    both.move("ACME", "51.235")
    both.trade(Side.SELL, 40)
    both.close()
    return both


def plant(books: TwoBooks, statement: str) -> str:
    """Change our tables, and return the id of the one break that this is found as."""
    with books.database.transaction() as connection:
        connection.execute(statement.encode())
    return keep(books)[0]


def keep(books: TwoBooks) -> list[str]:
    """Compare and keep; return the ids of what was found."""
    agree = settle({"books agree": check_books_agree.fn(books.database, books.broker, DAY)})
    ensure_reconciliation_kept.fn(books.database, DAY, agree)
    return [one.id for one in comparison(books.database, books.broker, DAY).found]


def life_of(books: TwoBooks, break_id: str) -> list[str]:
    with books.database.transaction() as connection:
        return [one.event for one in breaks.life_of(connection, break_id)]


@pytest.mark.parametrize("planted", REPAIRABLE)
def test_a_repair_makes_the_books_the_brokers_and_can_be_put_back(
    books: TwoBooks, run: Run, planted: str
) -> None:
    break_id = plant(books, REPAIRABLE[planted])

    done = [ensure_break_repaired.fn(books.database, books.broker, break_id) for _ in range(2)]
    assert [one.did for one in done] == [Did.CHANGED, Did.NOTHING]
    assert keep(books) == []
    assert check_books_rebuilt.fn(books.database, DAY).verdict is Verdict.PASS
    assert require_break(books.database, break_id).standing is Standing.REPAIRED

    ensure_repair_reversed.fn(books.database, break_id)
    assert break_id in keep(books)
    assert check_books_rebuilt.fn(books.database, DAY).verdict is Verdict.PASS
    ensure_break_repaired.fn(books.database, books.broker, break_id)
    assert keep(books) == []
    assert life_of(books, break_id) == ["opened", "repaired", "reversed", "repaired"]


def test_positions_that_something_else_has_written_are_made_from_the_fills(
    books: TwoBooks, run: Run
) -> None:
    for statement in REBUILDABLE.values():
        break_id = plant(books, statement)
        ensure_break_repaired.fn(books.database, books.broker, break_id)
        assert keep(books) == []
        with pytest.raises(CheckFailed, match="expected a repair that changed a record"):
            ensure_repair_reversed.fn(books.database, break_id)


def test_a_fill_of_an_order_we_never_sent_brings_the_order_in(books: TwoBooks, run: Run) -> None:
    request = OrderRequest("by-hand", "BOLT", Side.BUY, 5, OrderType.MARKET)
    books.broker.submit(request)
    break_id, *also = keep(books)
    assert [require_break(books.database, one).found.type for one in also] == [BreakType.ORDER]
    ensure_break_repaired.fn(books.database, books.broker, break_id)
    assert keep(books) == []


def test_what_is_no_fault_of_our_records_is_for_a_person_to_explain(
    books: TwoBooks, run: Run
) -> None:
    keep(books)
    books.broker.gain(Decimal(-25))
    (break_id,) = keep(books)
    with pytest.raises(CheckFailed, match="expected a fault of our fills or orders, is none"):
        ensure_break_repaired.fn(books.database, books.broker, break_id)
    assert check_no_open_breaks.fn(books.database).verdict is Verdict.FAIL

    with pytest.raises(CheckFailed, match="expected why it is no fault"):
        ensure_break_explained.fn(books.database, break_id, " ")
    ensure_break_assigned.fn(books.database, break_id, "operations")
    why = "the broker's fee for market data"
    done = [ensure_break_explained.fn(books.database, break_id, why).did for _ in range(2)]

    assert done == [Did.CHANGED, Did.NOTHING]
    kept = require_break(books.database, break_id)
    assert (kept.standing, kept.owner, kept.reason) == (Standing.EXPLAINED, "operations", why)
    assert check_no_open_breaks.fn(books.database).verdict is Verdict.PASS
    assert life_of(books, break_id) == ["opened", "assigned", "explained"]


def test_a_break_that_is_not_on_record_is_said_to_be_missing(database: Database, run: Run) -> None:
    with pytest.raises(CheckFailed, match="break BRK-0: expected one on record, found none"):
        ensure_break_explained.fn(database, "BRK-0", "because")


def test_a_repair_planned_on_books_that_have_changed_since_is_not_made(
    books: TwoBooks, run: Run
) -> None:
    break_id = plant(books, REPAIRABLE["price fill execution-1"])
    ensure_break_repaired.fn(books.database, books.broker, break_id)
    with books.database.transaction() as connection:
        connection.execute("UPDATE fills SET price_usd = 1 WHERE execution_id = 'execution-1'")
    with pytest.raises(CheckFailed, match="fill to be corrected: expected"):
        ensure_repair_reversed.fn(books.database, break_id)
    assert require_break(books.database, break_id).standing is Standing.REPAIRED
