"""A database that is gone is said to be gone, in bounded time, and found again when it is back."""

from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import make_conninfo
from pydantic import SecretStr

from infra.embedded import secrets
from tests.fix_postgres import TradingDatabase, free_port
from trading_core.clock import poll, seconds
from trading_core.errors import Unreachable
from trading_core.live_secret import SecretFile
from trading_core.storage.connect import Database, connect


def nowhere() -> SecretStr:
    return SecretStr(f"postgresql://nobody:secret@127.0.0.1:{free_port()}/trading")


def cut_off(database: TradingDatabase) -> None:
    with psycopg.connect(database.superuser_dsn.get_secret_value(), autocommit=True) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND usename = 'trading_app'"
        )


def begin_a_day(connection: psycopg.Connection) -> None:
    connection.execute(
        "INSERT INTO trading_days (account, trading_date, source) VALUES ('P', now(), 'bars')"
    )


def days_begun(database: Database) -> int:
    with database.transaction() as connection:
        return len(connection.execute("SELECT FROM trading_days").fetchall())


def test_a_refused_connection_is_unreachable_and_keeps_the_password() -> None:
    with pytest.raises(Unreachable, match="database") as caught:
        connect(nowhere(), application="test")
    assert "secret" not in str(caught.value)


def test_a_pool_opens_without_a_database_and_says_so() -> None:
    with Database(nowhere(), application="test", answer_within=seconds(0.2)) as database:
        assert not database.health().ok
        with pytest.raises(Unreachable), database.transaction():
            pass


def test_a_wrong_password_is_unreachable(trading_database: TradingDatabase) -> None:
    dsn = SecretStr(make_conninfo(trading_database.app_dsn.get_secret_value(), password="wrong"))
    with pytest.raises(Unreachable, match="password authentication failed"):
        connect(dsn, application="test")


def test_connections_cut_by_the_server_are_replaced_unnoticed(
    trading_database: TradingDatabase,
) -> None:
    with Database(trading_database.app_dsn, application="test") as database:
        assert database.health().ok
        cut_off(trading_database)
        assert database.health().ok


def test_a_transaction_cut_in_the_middle_is_unreachable_and_leaves_nothing(
    trading_database: TradingDatabase,
) -> None:
    def cut_in_the_middle(database: Database) -> None:
        with database.transaction() as connection:
            begin_a_day(connection)
            cut_off(trading_database)
            connection.execute("SELECT 1")

    with Database(trading_database.app_dsn, application="test") as database:
        with pytest.raises(Unreachable):
            cut_in_the_middle(database)
        assert days_begun(database) == 0


def test_an_error_rolls_the_transaction_back_and_passes_through(
    trading_database: TradingDatabase,
) -> None:
    def fail(database: Database) -> None:
        with database.transaction() as connection:
            begin_a_day(connection)
            raise ZeroDivisionError

    with Database(trading_database.app_dsn, application="test") as database:
        with pytest.raises(ZeroDivisionError):
            fail(database)
        assert days_begun(database) == 0


def test_our_own_mistakes_in_sql_are_not_called_an_outage(
    trading_database: TradingDatabase,
) -> None:
    with (
        Database(trading_database.app_dsn, application="test") as database,
        pytest.raises(psycopg.errors.UndefinedTable),
        database.transaction() as connection,
    ):
        connection.execute("SELECT * FROM nowhere")


def test_a_pool_finds_a_database_that_comes_later(trading_database: TradingDatabase) -> None:
    with psycopg.connect(
        trading_database.superuser_dsn.get_secret_value(), autocommit=True
    ) as admin:
        admin.execute("ALTER ROLE trading_app NOLOGIN")
        try:
            with Database(
                trading_database.app_dsn, application="test", answer_within=seconds(0.2)
            ) as database:
                assert not database.health().ok
                admin.execute("ALTER ROLE trading_app LOGIN")
                assert poll(lambda: database.health().ok, within=seconds(30))
        finally:
            admin.execute("ALTER ROLE trading_app LOGIN")


def test_a_rotated_login_is_used_from_the_next_transaction_on(
    trading_database: TradingDatabase, tmp_path: Path
) -> None:
    file = tmp_path / "trading_dsn"
    file.write_text(trading_database.app_dsn.get_secret_value())
    with Database(SecretFile(file), application="test") as database:
        assert logged_in_as(database) == "trading_app"
        with database.transaction() as lent:
            secrets.write(tmp_path, file.name, trading_database.owner_dsn.get_secret_value())
            assert logged_in_as(database) == "tradeops_owner"
            # One that is lent out is not taken away in the middle of its transaction.
            assert lent.execute("SELECT session_user").fetchone() == ("trading_app",)
        assert {logged_in_as(database) for _ in range(10)} == {"tradeops_owner"}


def test_a_login_is_kept_while_its_file_is_away(
    trading_database: TradingDatabase, tmp_path: Path
) -> None:
    file = tmp_path / "trading_dsn"
    file.write_text(trading_database.app_dsn.get_secret_value())
    with Database(SecretFile(file), application="test") as database:
        assert logged_in_as(database) == "trading_app"
        file.unlink()
        assert logged_in_as(database) == "trading_app"


def logged_in_as(database: Database) -> str:
    with database.transaction() as connection:
        row = connection.execute("SELECT session_user").fetchone()
    return str(row[0]) if row else ""
