"""The schema arrives whole, once, and keeps what must not change from changing."""

from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest

from tests.fix_postgres import OperationsDatabase, PostgresServer, TradingDatabase, fresh_database
from trading_core.storage import migrate
from trading_core.storage.connect import connect

_A_LINE = (
    b"INSERT INTO effect_ledger VALUES"
    b" (1, now(), 'r', 'b', 's', 'k', 'note', 'a', '{}', 'ann', 1, '', md5(random()::text))"
)


def test_an_empty_database_is_brought_to_the_newest_version(
    postgres_server: PostgresServer,
) -> None:
    with fresh_database(postgres_server, migrated=False) as database:
        assert migrate.current_version(database.owner_dsn) is None
        done = migrate.upgrade(database.owner_dsn)
        assert (done.before, done.after, done.changed) == (None, migrate.newest_version(), True)
        assert migrate.current_version(database.owner_dsn) == migrate.newest_version()


def test_upgrading_twice_changes_nothing(trading_database: TradingDatabase) -> None:
    assert not migrate.upgrade(trading_database.owner_dsn).changed


def test_a_ledger_begun_in_the_trading_database_is_kept_to_be_read(
    postgres_server: PostgresServer,
) -> None:
    with fresh_database(postgres_server, migrated=False) as database:
        migrate.upgrade(database.owner_dsn, to="0001")
        with connect(database.owner_dsn, application="test") as connection:
            connection.execute(_A_LINE)
        migrate.upgrade(database.owner_dsn)
        with connect(database.app_dsn, application="test") as connection:
            assert connection.execute("SELECT sentence FROM effect_ledger").fetchone() == ("a",)
        with (
            connect(database.app_dsn, application="test") as connection,
            pytest.raises(psycopg.errors.InsufficientPrivilege),
        ):
            connection.execute(_A_LINE.replace(b"(1,", b"(2,"))


def test_two_upgrades_at_once_apply_the_versions_once(postgres_server: PostgresServer) -> None:
    with (
        fresh_database(postgres_server, migrated=False) as database,
        ThreadPoolExecutor(2) as threads,
    ):
        done = list(threads.map(migrate.upgrade, [database.owner_dsn] * 2))
    assert sorted(one.changed for one in done) == [False, True]


@pytest.mark.parametrize("table", ["effect_ledger", "trading_state", "risk_events"])
@pytest.mark.parametrize("statement", ["UPDATE {} SET {} = {}", "DELETE FROM {}"])
def test_the_application_may_only_append_to_the_records(
    trading_database: TradingDatabase,
    operations_database: OperationsDatabase,
    table: str,
    statement: str,
) -> None:
    column = {"effect_ledger": "key", "trading_state": "actor", "risk_events": "message"}[table]
    database = operations_database if table == "effect_ledger" else trading_database
    with (
        connect(database.app_dsn, application="test") as connection,
        pytest.raises(psycopg.errors.InsufficientPrivilege),
    ):
        connection.execute(statement.format(table, column, column).encode())
