"""Trades come in from a file or the exchange's record, once each; the portfolio follows them."""

from pathlib import Path

import pytest

from tasks.books.portfolio import (
    check_portfolio,
    ensure_portfolio_rebuilt,
    ensure_trades_complete,
)
from tasks.books.trade_import import check_trade_file, ensure_trades_imported
from tasks.closing.reconciliation import check_books_agree, check_books_rebuilt
from tasks.kernel import Did, Run, Verdict
from tests.tasks.books import DAY, TwoBooks
from trading_core.domain.fills import Fill
from trading_core.domain.orders import OrderRequest, OrderType, Side
from trading_core.errors import CheckFailed
from trading_core.ledger.session import start_of_date
from trading_core.storage.connect import Database

OURS = "execution_id,client_order_id,symbol,side,quantity,price_usd,executed_at"
ALPACA = "id,activity_type,transaction_time,order_id,symbol,side,qty,price"


@pytest.fixture
def books(database: Database) -> TwoBooks:
    """One trade both sides know, one our books were never told, one of an order not ours."""
    both = TwoBooks.opened(database)
    both.trade(Side.BUY, 100)
    both.trade(Side.SELL, 40, told=False)
    both.broker.submit(OrderRequest("by-hand", "BOLT", Side.BUY, 5, OrderType.MARKET))
    both.close()
    return both


def told(books: TwoBooks) -> list[Fill]:
    return books.broker.fills_after(start_of_date(DAY.trading_date))


def our_file(books: TwoBooks, folder: Path) -> str:
    rows = [
        f"{one.execution_id},{one.client_order_id},{one.symbol},{one.side},{one.quantity},"
        f"{one.price_usd},{one.executed_at.isoformat()}"
        for one in told(books)
    ]
    return written(folder, OURS, rows)


def activities_file(books: TwoBooks, folder: Path) -> str:
    theirs = {
        one.request.client_order_id: one.exchange_order_id for one in books.broker.orders("all")
    }
    rows = [
        f"20240305143100000::{one.execution_id},FILL,{one.executed_at.isoformat()},"
        f"{theirs[one.client_order_id]},{one.symbol},{one.side},{one.quantity},{one.price_usd}"
        for one in told(books)
    ]
    return written(folder, ALPACA, [*rows, "20240305::fee,FEE,,,,,,"])


def written(folder: Path, header: str, rows: list[str]) -> str:
    file = folder / "trades.csv"
    file.write_text("\n".join([header, *rows]) + "\n")
    return str(file)


def agrees(books: TwoBooks) -> bool:
    agree = check_books_agree.fn(books.database, books.broker, DAY)
    made = check_books_rebuilt.fn(books.database, DAY)
    return (agree.verdict, made.verdict) == (Verdict.PASS, Verdict.PASS)


def test_either_format_is_imported_once_and_then_the_books_agree(
    books: TwoBooks, run: Run, tmp_path: Path
) -> None:
    file = our_file(books, tmp_path)
    before = check_trade_file.fn(books.database, DAY.account, file)
    assert before.found == "2 fills, 45 shares, $2,249.65 to be added; 1 known, 0 left out"

    once = ensure_trades_imported.fn(books.database, books.broker, DAY.account, file)
    again = activities_file(books, tmp_path)
    twice = ensure_trades_imported.fn(books.database, books.broker, DAY.account, again)

    assert [once.did, twice.did] == [Did.CHANGED, Did.NOTHING]
    assert agrees(books)


def test_activities_name_orders_by_the_exchanges_id(
    books: TwoBooks, run: Run, tmp_path: Path
) -> None:
    file = activities_file(books, tmp_path)
    ensure_trades_imported.fn(books.database, books.broker, DAY.account, file)
    assert agrees(books)


def test_of_a_file_with_a_fault_nothing_is_imported(
    books: TwoBooks, run: Run, tmp_path: Path
) -> None:
    file = our_file(books, tmp_path)
    Path(file).write_text(Path(file).read_text() + "e9,order-1,ACME,hold,1,1,noon\n")

    checked = check_trade_file.fn(books.database, DAY.account, file)
    assert checked.verdict is Verdict.FAIL
    assert "line 5, side: expected buy or sell, was 'hold'; line 5, executed_at" in checked.found
    with pytest.raises(CheckFailed, match="found 2 faults: line 5, side"):
        ensure_trades_imported.fn(books.database, books.broker, DAY.account, file)
    assert not agrees(books)


def test_an_order_that_nobody_knows_stops_the_whole_import(
    books: TwoBooks, run: Run, tmp_path: Path
) -> None:
    stranger = "e9,nobody,ACME,buy,1,1,2024-03-05T15:00:00Z"
    file = our_file(books, tmp_path)
    Path(file).write_text(Path(file).read_text() + stranger + "\n")
    with pytest.raises(CheckFailed, match="order nobody: expected the broker to know it"):
        ensure_trades_imported.fn(books.database, books.broker, DAY.account, file)
    assert check_trade_file.fn(books.database, DAY.account, file).found.startswith("3 fills")


def test_a_file_that_is_not_there_is_said_to_be_missing(database: Database, run: Run) -> None:
    with pytest.raises(CheckFailed, match="file /nowhere: expected the broker's trades"):
        check_trade_file.fn(database, DAY.account, "/nowhere")


def test_the_exchanges_record_brings_in_what_our_books_lack(books: TwoBooks, run: Run) -> None:
    assert check_portfolio.fn(books.database, books.broker, DAY).verdict is Verdict.FAIL
    did = [ensure_trades_complete.fn(books.database, books.broker, DAY).did for _ in range(2)]
    assert did == [Did.CHANGED, Did.NOTHING]
    assert check_portfolio.fn(books.database, books.broker, DAY).verdict is Verdict.PASS
    assert agrees(books)


def test_lost_positions_are_made_from_the_trades_again(books: TwoBooks, run: Run) -> None:
    ensure_trades_complete.fn(books.database, books.broker, DAY)
    with books.database.transaction() as connection:
        connection.execute("UPDATE positions SET quantity = 1, cost_basis_usd = 2")
    assert not agrees(books)
    did = [ensure_portfolio_rebuilt.fn(books.database, DAY).did for _ in range(2)]
    assert did == [Did.CHANGED, Did.NOTHING]
    assert agrees(books)
