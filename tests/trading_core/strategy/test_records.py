"""What a strategy holds, read from real rows."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from tests.fix_postgres import TradingDatabase
from trading_core.storage.connect import Database
from trading_core.strategy.records import Approved, Records
from trading_core.strategy.stance import Holding

NOON = datetime(2013, 10, 7, 16, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


@pytest.fixture
def records(trading_database: TradingDatabase) -> Iterator[Records]:
    with Database(trading_database.app_dsn, application="tests") as database:
        yield Records(database)


def add_order(
    database: TradingDatabase,
    number: int,
    *,
    strategy: str = "sma_crossover",
    side: str = "buy",
    fills: tuple[int, ...] = (80,),
    signal_at: datetime = NOON,
    account: str = "PA0000001",
) -> None:
    with psycopg.connect(database.owner_dsn.get_secret_value()) as connection:
        connection.execute(
            "INSERT INTO orders (client_order_id, account, trading_date, strategy, symbol, side,"
            " type, time_in_force, quantity, status, signal_at)"
            " VALUES (%s, %s, '2013-10-07', %s, 'SPY', %s, 'market', 'day', 80, 'filled', %s)",
            (f"order-{number}", account, strategy, side, signal_at),
        )
        for at, quantity in enumerate(fills):
            connection.execute(
                "INSERT INTO fills (execution_id, client_order_id, account, trading_date, symbol,"
                " side, quantity, price_usd, executed_at, source)"
                " VALUES (%s, %s, %s, '2013-10-07', 'SPY', %s, %s, 168, %s, 'stream')",
                (f"fill-{number}-{at}", f"order-{number}", account, side, quantity, signal_at),
            )


def test_a_holding_is_the_sum_of_the_fills_of_the_strategys_own_orders(
    trading_database: TradingDatabase, records: Records
) -> None:
    add_order(trading_database, 1, fills=(50, 20))
    add_order(trading_database, 2, side="sell", fills=(30,), signal_at=NOON + MINUTE)
    add_order(trading_database, 3, strategy="rsi_momentum", side="sell")
    add_order(trading_database, 4, account="PA0000002")
    held = records.holdings("PA0000001", before=NOON + 2 * MINUTE)
    assert sorted(held, key=lambda holding: holding.strategy) == [
        Holding("rsi_momentum", "SPY", -80),
        Holding("sma_crossover", "SPY", 40),
    ]


def test_orders_of_the_minute_under_evaluation_are_left_out(
    trading_database: TradingDatabase, records: Records
) -> None:
    add_order(trading_database, 1)
    add_order(trading_database, 2, signal_at=NOON + MINUTE)
    held = records.holdings("PA0000001", before=NOON + MINUTE)
    assert held == [Holding("sma_crossover", "SPY", 80)]


def test_the_newest_approved_version_of_each_strategy_is_read(
    trading_database: TradingDatabase, records: Records
) -> None:
    with psycopg.connect(trading_database.owner_dsn.get_secret_value()) as connection:
        for name, version in (("rsi_momentum", 1), ("sma_crossover", 1), ("sma_crossover", 2)):
            connection.execute(
                "INSERT INTO config_versions (kind, name, version, sha256, body, approved_by,"
                " reason) VALUES ('strategy', %s, %s, '', '{\"sma_long\": 45}', 'dana', 'test')",
                (name, version),
            )
    assert records.approved() == [
        Approved("rsi_momentum", 1, {"sma_long": 45}),
        Approved("sma_crossover", 2, {"sma_long": 45}),
    ]
