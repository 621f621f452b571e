"""The fills alone make the books again, and every entry balances, whatever was traded."""

from datetime import UTC, date, datetime
from decimal import Decimal

import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fix_postgres import TradingDatabase
from trading_core.domain.fills import Fill
from trading_core.domain.lots import Lot, Lots, lots_of
from trading_core.domain.orders import OrderRequest, Side
from trading_core.domain.positions import Position
from trading_core.domain.postings import Book, entry_of
from trading_core.errors import InvariantViolated
from trading_core.ledger.rebuild import disagreements, rebuilt
from trading_core.ledger.record import record_fill
from trading_core.ledger.session import Session
from trading_core.storage.connect import connect
from trading_core.storage.trading import orders, postings
from trading_core.storage.trading.orders import Intent

AT = datetime(2013, 10, 7, 14, 0, tzinfo=UTC)
DAY = Session("PA1", date(2013, 10, 7))
SYMBOLS = ("AIG", "SPY")


def a_fill(number: int, symbol: str, side: Side, quantity: int, price_usd: str | Decimal) -> Fill:
    return Fill(f"e{number}", f"o{number}", symbol, side, quantity, Decimal(price_usd), AT)


trades = st.lists(
    st.tuples(
        st.sampled_from(SYMBOLS),
        st.sampled_from(Side),
        st.integers(1, 500),
        st.integers(1, 3_000_000).map(lambda ticks: Decimal(ticks) / 10_000),
    ),
    max_size=25,
).map(lambda rows: [a_fill(number, *row) for number, row in enumerate(rows)])


@given(trades)
def test_every_entry_balances_and_cash_shares_and_profit_are_the_positions(
    executed: list[Fill],
) -> None:
    books = rebuilt(executed)

    balances = books.balances_usd
    for symbol, held in books.positions.items():
        assert balances.get((Book.SHARES, symbol), 0) == held.cost_basis_usd
        assert balances.get((Book.REALIZED, symbol), 0) == -held.realized_pnl_usd
    assert balances.get((Book.CASH, ""), 0) == sum(one.cash_usd for one in executed)
    assert sum(balances.values()) == 0


@given(trades, st.integers(1, 3_000_000).map(lambda ticks: Decimal(ticks) / 10_000))
def test_first_in_first_out_and_average_cost_agree_on_the_profit_at_every_price(
    executed: list[Fill], price_usd: Decimal
) -> None:
    books = rebuilt(executed)

    for symbol, held in books.positions.items():
        lots = books.lots[symbol]
        assert lots.quantity == held.quantity
        assert lots.realized_pnl_usd + lots.unrealized_pnl_usd(price_usd) == (
            held.realized_pnl_usd + held.unrealized_pnl_usd(price_usd)
        )
        if held.quantity == 0:
            assert lots.realized_pnl_usd == held.realized_pnl_usd


def test_the_oldest_shares_are_sold_first_and_what_is_left_over_opens_the_other_way() -> None:
    bought = [a_fill(1, "SPY", Side.BUY, 100, "10"), a_fill(2, "SPY", Side.BUY, 100, "20")]

    part = lots_of([*bought, a_fill(3, "SPY", Side.SELL, 150, "30")])["SPY"]
    turned = lots_of([*bought, a_fill(3, "SPY", Side.SELL, 250, "30")])["SPY"]

    assert part == Lots("SPY", (Lot(50, Decimal(50 * 20)),), Decimal(100 * 20 + 50 * 10))
    assert turned == Lots("SPY", (Lot(-50, Decimal(-50 * 30)),), Decimal(100 * 20 + 100 * 10))


def test_an_entry_that_does_not_balance_cannot_be_made() -> None:
    fill = a_fill(1, "SPY", Side.BUY, 100, "10")
    with pytest.raises(InvariantViolated, match=r"e1: expected debits to equal credits, \$-1 is"):
        entry_of(fill, Position("SPY"), Position("SPY", 100, Decimal(999)))


def test_the_database_refuses_what_does_not_balance_and_what_was_posted(
    trading_database: TradingDatabase,
) -> None:
    good = entry_of(
        a_fill(1, "SPY", Side.BUY, 1, "10"), Position("SPY"), Position("SPY", 1, Decimal(10))
    )
    with connect(trading_database.app_dsn, application="test") as connection:
        postings.insert(connection, [(good, DAY.trading_date)], DAY.account)
    with (
        pytest.raises(psycopg.errors.UniqueViolation),
        connect(trading_database.app_dsn, application="test") as connection,
    ):
        postings.insert(connection, [(good, DAY.trading_date)], DAY.account)
    with connect(trading_database.app_dsn, application="test") as connection:
        connection.execute(
            "INSERT INTO postings (entry_id, account, trading_date, book, symbol, amount_usd)"
            " VALUES ('e2', 'PA1', '2013-10-07', 'cash', '', -1)"
        )
        with pytest.raises(psycopg.errors.CheckViolation, match=r"-1 dollars are left"):
            connection.execute("SET CONSTRAINTS ALL IMMEDIATE")  # as the commit would
    with (
        pytest.raises(psycopg.errors.RaiseException, match="postings is append-only"),
        connect(trading_database.owner_dsn, application="test") as connection,
    ):
        connection.execute("DELETE FROM postings")


def test_books_kept_on_the_way_are_the_ones_the_fills_make_and_a_changed_one_is_named(
    trading_database: TradingDatabase,
) -> None:
    executed = [
        a_fill(1, "SPY", Side.BUY, 3, "10.01"),
        a_fill(2, "SPY", Side.SELL, 1, "11"),
        a_fill(3, "AIG", Side.SELL, 5, "7.5"),
        a_fill(4, "AIG", Side.BUY, 9, "7.1234"),
    ]
    with connect(trading_database.app_dsn, application="test") as connection:
        for fill in executed:
            request = OrderRequest(fill.client_order_id, fill.symbol, fill.side, fill.quantity)
            orders.record_intent(connection, Intent("PA1", DAY.trading_date, "manual", request, AT))
            orders.record_adoption(connection, fill.client_order_id, f"x{fill.execution_id}")
            record_fill(connection, fill, DAY, "stream")
    with connect(trading_database.app_dsn, application="test") as connection:
        assert disagreements(connection, "PA1") == []
        connection.execute("UPDATE positions SET quantity = 3 WHERE symbol = 'SPY'")
        (found,) = disagreements(connection, "PA1")
    assert found.startswith("position SPY: the fills make 2 for $20.02")
    assert "the table has 3 for" in found
