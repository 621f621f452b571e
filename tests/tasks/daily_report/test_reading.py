from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import psycopg
import pytest

from tasks.daily_report.facts import Break, Severity, Source
from tasks.daily_report.reading import read_facts
from tests.fix_postgres import TradingDatabase
from trading_core.domain.fills import Fill
from trading_core.domain.market import Bar
from trading_core.domain.orders import OrderRequest, OrderStatus, Side
from trading_core.errors import CheckFailed
from trading_core.ledger.record import record_fill
from trading_core.ledger.session import Session
from trading_core.storage.operations.day_backups import DayBackup
from trading_core.storage.trading import (
    bars,
    days,
    orders,
    pnl,
    positions,
    reconciliations,
    risk,
)

ACCOUNT = "PA0000001"
MONDAY, TUESDAY = date(2013, 10, 7), date(2013, 10, 8)


@dataclass
class Books:
    """Writes a day into the database the way the services do."""

    connection: psycopg.Connection

    def open(self, day: date, account: str = ACCOUNT, source: str = "bars") -> None:
        days.open_day(self.connection, account, day, source)

    def trade(
        self, number: int, day: date, side: Side, quantity: int, price: str, account: str = ACCOUNT
    ) -> None:
        """Order and fill SPY `number` minutes into the session."""
        at = _minute(day, number)
        request = OrderRequest(f"{account}-{day}-{number}", "SPY", side, quantity)
        orders.record_intent(
            self.connection, orders.Intent(account, day, "sma_crossover", request, at)
        )
        taken = orders.Acknowledgement(f"x-{account}-{day}-{number}", at, at, 900 + number)
        orders.record_acknowledgement(self.connection, request.client_order_id, taken, 700)
        fill = Fill(
            execution_id=f"e-{account}-{day}-{number}",
            client_order_id=request.client_order_id,
            symbol="SPY",
            side=side,
            quantity=quantity,
            price_usd=Decimal(price),
            executed_at=at,
        )
        record_fill(self.connection, fill, Session(account, day), "stream")

    def close_bar(self, number: int, day: date, close: str, source: str = "bars") -> None:
        """Store one SPY bar."""
        price = Decimal(close)
        bar = Bar("SPY", _minute(day, number), price, price, price, price, 100)
        bars.store(self.connection, source, [bar])


def _minute(day: date, number: int) -> datetime:
    return datetime(day.year, day.month, day.day, 13, 30, tzinfo=UTC) + timedelta(minutes=number)


@pytest.fixture
def books(trading_database: TradingDatabase) -> Iterator[Books]:
    dsn = trading_database.app_dsn.get_secret_value()
    with psycopg.connect(dsn, autocommit=True) as connection:
        yield Books(connection)


def test_a_day_that_was_never_opened_has_no_report(books: Books) -> None:
    with pytest.raises(CheckFailed, match="2013-10-07"):
        read_facts(books.connection, ACCOUNT, MONDAY)


def test_a_day_on_which_nothing_happened_is_empty_not_an_error(books: Books) -> None:
    books.open(MONDAY, source="synthetic")

    facts = read_facts(books.connection, ACCOUNT, MONDAY)

    assert facts.source is Source.SYNTHETIC
    assert (facts.closed_at, facts.pnl, facts.reconciliation, facts.backup) == (None,) * 4
    assert not any((facts.orders, facts.fills, facts.positions, facts.equity, facts.bars))


def test_orders_and_fills_come_with_strategy_reason_and_latencies(books: Books) -> None:
    books.open(MONDAY)
    books.trade(2, MONDAY, Side.SELL, 40, "168.40")
    books.trade(1, MONDAY, Side.BUY, 100, "168.10")
    request = OrderRequest("refused", "SPY", Side.BUY, 900)
    intent = orders.Intent(ACCOUNT, MONDAY, "rsi_momentum", request, _minute(MONDAY, 3))
    orders.record_intent(books.connection, intent)
    orders.record_refusal(books.connection, "refused", "ORDER_QUANTITY", 650)
    sentence = "ORDER_QUANTITY: expected at most 500 shares, was 900"
    for order, message in (("another", "of another order"), ("refused", sentence)):
        facts_of_it = {"client_order_id": order}
        event = risk.RiskEvent(
            ACCOUNT, "order_refused", "warning", message, facts_of_it, intent.signal_at
        )
        risk.append(books.connection, event)

    facts = read_facts(books.connection, ACCOUNT, MONDAY)

    assert [(d.strategy, d.fill.side, d.fill.price_usd) for d in facts.fills] == [
        ("sma_crossover", Side.BUY, Decimal("168.10")),
        ("sma_crossover", Side.SELL, Decimal("168.40")),
    ]
    assert [(o.status, o.acknowledge_us, o.risk_check_ns) for o in facts.orders] == [
        (OrderStatus.FILLED, 901, 700),
        (OrderStatus.FILLED, 902, 700),
        (OrderStatus.REJECTED, None, 650),
    ]
    assert facts.orders[2].reason == sentence


def test_another_account_and_another_day_do_not_leak_in(books: Books) -> None:
    books.open(MONDAY)
    books.open(MONDAY, account="PA0000002")
    books.open(TUESDAY)
    books.trade(1, MONDAY, Side.BUY, 100, "168.10")
    books.trade(1, MONDAY, Side.BUY, 7, "168.10", account="PA0000002")
    books.trade(1, TUESDAY, Side.SELL, 60, "169.00")
    books.close_bar(389, MONDAY, "168.25")
    books.close_bar(389, MONDAY, "1.00", source="synthetic")
    books.close_bar(0, TUESDAY, "169.00")
    positions.mark(books.connection, ACCOUNT, {"SPY": Decimal("169.00")})

    facts = read_facts(books.connection, ACCOUNT, MONDAY)

    assert [done.fill.quantity for done in facts.fills] == [100]
    assert [len(minutes) for minutes in facts.bars.values()] == [1]
    (held,) = facts.positions
    assert (held.position.quantity, held.price_usd) == (100, Decimal("168.25"))


def test_the_newest_day_is_valued_where_the_books_marked_it(books: Books) -> None:
    books.open(MONDAY)
    books.open(TUESDAY)
    books.trade(1, MONDAY, Side.BUY, 100, "168.10")
    books.trade(1, TUESDAY, Side.SELL, 60, "169.00")
    books.close_bar(389, TUESDAY, "169.10")
    positions.mark(books.connection, ACCOUNT, {"SPY": Decimal("169.08")})

    (held,) = read_facts(books.connection, ACCOUNT, TUESDAY).positions

    (booked,) = positions.of_account(books.connection, ACCOUNT)
    assert held == booked
    assert held.position.quantity == 40


def test_the_curve_and_the_frozen_profit_are_the_days_own(books: Books) -> None:
    books.open(MONDAY)
    start = pnl.DayStart(Decimal(100_000), Decimal(0), Decimal(0))
    pnl.begin_day(books.connection, ACCOUNT, MONDAY, start)
    mark = pnl.DayMark(
        Decimal("12.50"), Decimal("-2.50"), Decimal("10.00"), 4, 2, 1, _minute(MONDAY, 1)
    )
    pnl.mark_day(books.connection, ACCOUNT, MONDAY, mark)

    facts = read_facts(books.connection, ACCOUNT, MONDAY)

    assert facts.pnl == pnl.of_day(books.connection, ACCOUNT, MONDAY)
    assert [(p.equity_usd, p.total_pnl_usd) for p in facts.equity] == [
        (Decimal("100010.00"), Decimal("10.00"))
    ]


def test_risk_events_of_the_exchanges_day_come_newest_first(books: Books) -> None:
    books.open(MONDAY)
    # 03:59 UTC is still the evening before in New York; 03:59 UTC the next day still Monday.
    for hours, message in ((-1, "day before"), (14, "early"), (15, "late"), (23, "evening")):
        at = datetime(2013, 10, 7, 4, 59, tzinfo=UTC) + timedelta(hours=hours)
        event = risk.RiskEvent(ACCOUNT, "halt", "critical", message, {}, at)
        risk.append(books.connection, event)

    events = read_facts(books.connection, ACCOUNT, MONDAY).risk_events

    assert [event.message for event in events] == ["evening", "late", "early"]
    assert events[0].severity is Severity.CRITICAL


def test_reconciliation_and_backup_are_found(books: Books) -> None:
    books.open(MONDAY)
    compared = {"fills": {"ours": 2, "theirs": 3}}
    found = {"kind": "position", "subject": "SPY", "ours": "100 shares", "theirs": "nothing"}
    reconciliations.save(
        books.connection, ACCOUNT, MONDAY, reconciliations.Found(compared, [found])
    )
    dump = DayBackup("b1", "primary", Path("b1.dump"), 9, "beef", tables={})

    facts = read_facts(books.connection, ACCOUNT, MONDAY, backup=dump)

    assert facts.reconciliation is not None
    assert facts.reconciliation.breaks == (Break("position", "SPY", "100 shares", "nothing"),)
    assert facts.reconciliation.compared == compared
    assert facts.backup == dump


def test_reading_changes_nothing_and_leaves_no_transaction_open(books: Books) -> None:
    books.open(MONDAY)

    read_facts(books.connection, ACCOUNT, MONDAY)

    assert books.connection.info.transaction_status == psycopg.pq.TransactionStatus.IDLE
