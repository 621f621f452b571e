"""What a restore would take back and bring back is counted in rows, and named."""

import psycopg

from tests.fix_postgres import PostgresServer, TradingDatabase, fresh_database
from trading_core.storage.trading.differences import Difference, differences


def test_rows_of_only_one_side_are_counted_and_those_lost_are_named(
    postgres_server: PostgresServer, trading_database: TradingDatabase
) -> None:
    with (
        fresh_database(postgres_server) as other,
        psycopg.connect(trading_database.owner_dsn.get_secret_value()) as restored,
        psycopg.connect(other.owner_dsn.get_secret_value()) as live,
    ):
        for connection, symbols in ((restored, ("SPY", "IBM")), (live, ("SPY", "QQQ", "ACME"))):
            for symbol in symbols:
                connection.execute(
                    "INSERT INTO positions (account, symbol, quantity, cost_basis_usd,"
                    " realized_pnl_usd, updated_at) VALUES ('PA1', %s, 1, 1, 0, '2026-01-01Z')",
                    (symbol,),
                )

        found = differences(restored, live)

    assert found["positions"] == Difference(2, 3, 2, 1, ("PA1 ACME", "PA1 QQQ"))
    assert found["orders"] == Difference(0, 0, 0, 0, ())
