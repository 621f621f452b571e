"""At the real exchange: what it charges, pays and splits is compared as such, over two days."""

from datetime import date
from decimal import Decimal
from pathlib import Path

from tasks.closing.statements import comparison
from tests.trading_core.execution.test_against_the_exchange import (
    FRIDAY,
    MONDAY,
    opened,
    traded,
    two_days,
)
from tests.trading_core.paper.exchange_parts import served_exchange
from trading_core.broker.client import Broker
from trading_core.domain.orders import Side
from trading_core.execution.executions import Executions
from trading_core.ledger.day import start_of_day
from trading_core.ledger.session import Session
from trading_core.metrics import Metrics
from trading_core.storage.connect import Database
from trading_core.storage.trading import days, pnl, positions, reconciliations


def begun(database: Database, broker: Broker, account: str, on: date) -> Session:
    day = Session(account, on)
    with database.transaction() as connection:
        held = [one.position for one in positions.of_account(connection, account)]
        days.open_day(connection, account, on, "bars")
        start = start_of_day(broker.account(), held, Decimal(0))
        pnl.begin_day(connection, account, on, start)
    return day


def closed(database: Database, broker: Broker, day: Session) -> None:
    found = reconciliations.Found({}, [], broker.account().cash_usd)
    with database.transaction() as connection:
        reconciliations.save(connection, day.account, day.trading_date, found)
        days.close_day(connection, day.account, day.trading_date)


def test_what_the_exchange_paid_split_and_charged_is_told_until_our_books_have_it(
    tmp_path: Path, database: Database
) -> None:
    folder = two_days(tmp_path / "bars")
    with served_exchange(tmp_path / "exchange") as endpoint, Broker(endpoint) as broker:
        executions = Executions(database, broker, Metrics())
        account = opened(endpoint, folder, FRIDAY).account_number
        day = begun(database, broker, account, FRIDAY)
        traded(broker, "a", Side.BUY, 10)
        executions.catch_up(day)
        assert comparison(database, broker, day).found == []
        closed(database, broker, day)

        opened(endpoint, folder, MONDAY)
        day = begun(database, broker, account, MONDAY)
        found = comparison(database, broker, day).found
        assert [f"{one.type} {one.subject}" for one in found] == [
            "corporate_action action dividend AAPL",
            "corporate_action action split AAPL",
        ]
        assert [(one.cash_usd, one.shares) for one in found] == [
            (Decimal("32.90"), Decimal(0)),
            (Decimal(0), Decimal(60)),
        ]

        executions.catch_up(day)
        traded(broker, "b", Side.SELL, 7)
        found = comparison(database, broker, day).found
        assert [one.type for one in found] == ["missing_ours", "order", "fee"]
        executions.catch_up(day)
        assert comparison(database, broker, day).found == []
