"""The day's records: whole or altered, refused calls, failed logins, days unlike the others."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import psycopg
import pytest

from tasks.kernel import Kind, Run, Verdict
from tasks.kernel.ledger import PostgresLedger
from tasks.security.records import (
    check_audit_chain,
    check_failed_logins,
    check_refused_calls,
    check_unusual_trading,
)
from tests.fakes.ledger import MemoryLedger
from tests.fix_postgres import OperationsDatabase, TradingDatabase, free_port
from trading_core.clock import SystemClock
from trading_core.settings import Settings
from trading_core.storage.connect import Database, connect


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(state_dir=tmp_path, ports={"prometheus": free_port()})


def change(operations: Database, ledger: MemoryLedger) -> None:
    run = Run("a-runbook", "tonight", "run-1", "ann", ledger)
    with operations.transaction() as connection:
        PostgresLedger(connection).append(run, "a-key", Kind.PROOF, "done", {})


def test_whole_chains_pass_an_empty_one_is_told_and_an_altered_one_is_red(
    settings: Settings,
    operations: Database,
    operations_database: OperationsDatabase,
    ledger: MemoryLedger,
) -> None:
    assert check_audit_chain.fn(settings, operations).verdict is Verdict.WARN
    change(operations, ledger)
    assert check_audit_chain.fn(settings, operations).verdict is Verdict.PASS
    with connect(operations_database.superuser_dsn, application="tests") as owner:
        owner.execute("ALTER TABLE effect_ledger DISABLE TRIGGER ALL")
        owner.execute("UPDATE effect_ledger SET actor = 'somebody else'")
    found = check_audit_chain.fn(settings, operations)
    assert (found.verdict, found.value) == (Verdict.FAIL, 1)
    assert "line 1 does not continue" in found.found


def test_without_the_metrics_refused_strangers_are_unknown(
    settings: Settings, operations: Database
) -> None:
    found = check_refused_calls.fn(settings, operations)
    assert found.verdict is Verdict.UNKNOWN
    assert found.found.startswith("0 of known holders")


@pytest.mark.parametrize(
    ("count", "hours_ago", "verdict"),
    [
        (19, 1, Verdict.PASS),
        (20, 1, Verdict.WARN),
        (200, 1, Verdict.FAIL),
        (200, 25, Verdict.PASS),
    ],
)
def test_failed_logins_of_a_day_are_counted(
    tmp_path: Path, count: int, hours_ago: int, verdict: Verdict
) -> None:
    at = SystemClock().now() - timedelta(hours=hours_ago)
    line = f'{at:%F %T}.123 UTC [7] FATAL:  password authentication failed for user "eve"\n'
    (tmp_path / "postgres.log").write_text(f"{at:%F %T}.123 UTC [7] LOG:  ready\n" + line * count)
    found = check_failed_logins.fn(tmp_path)
    assert found.verdict is verdict, found
    if verdict is not Verdict.PASS:
        assert found.found.endswith(f": eve {count}")


def test_the_server_writes_what_we_read(tmp_path: Path, trading_database: TradingDatabase) -> None:

    dsn = trading_database.app_dsn.get_secret_value()
    with pytest.raises(psycopg.OperationalError) as refused:
        psycopg.connect(dsn, password="wrong")
    words = str(refused.value).strip().rpartition("FATAL:")[2]
    now = f"{SystemClock().now():%F %T}"
    (tmp_path / "operations_db.log").write_text(f"{now}.000 UTC [1] FATAL:{words}\n")
    assert check_failed_logins.fn(tmp_path).value == 1
    assert check_failed_logins.fn(tmp_path / "none").verdict is Verdict.UNKNOWN


def trade(trading_database: TradingDatabase, day: date, orders: int, symbol: str = "ACME") -> None:
    noon = datetime(day.year, day.month, day.day, 17, tzinfo=UTC)
    with connect(trading_database.app_dsn, application="tests") as connection:
        connection.execute(
            "INSERT INTO trading_days (account, trading_date, source)"
            " VALUES ('PA1', %s, 'synthetic') ON CONFLICT DO NOTHING",
            (day,),
        )
        for number in range(orders):
            connection.execute(
                "INSERT INTO orders (client_order_id, account, trading_date, strategy, symbol,"
                " side, type, time_in_force, quantity, status, signal_at)"
                " VALUES (%s, 'PA1', %s, 'sma', %s, 'buy', 'market', 'day', 1, 'filled', %s)",
                (f"{day}-{symbol}-{number}", day, symbol, noon),
            )


def test_a_day_unlike_the_days_before_is_told(
    database: Database, trading_database: TradingDatabase
) -> None:
    first = date(2013, 10, 1)
    for number in range(6):
        trade(trading_database, first + timedelta(days=number), 2)
    assert check_unusual_trading.fn(database).verdict is Verdict.PASS
    trade(trading_database, first + timedelta(days=6), 7)
    found = check_unusual_trading.fn(database)
    assert (found.verdict, found.value, found.limit) == (Verdict.WARN, 3.5, 3.0)
    assert found.found == "2013-10-07: orders 3.50 times the most of 6 days"
    trade(trading_database, first + timedelta(days=7), 1, "ODD")
    assert check_unusual_trading.fn(database).found.endswith("; new: ODD")


def test_with_few_days_there_is_nothing_to_compare_with(database: Database) -> None:
    found = check_unusual_trading.fn(database)
    assert (found.verdict, found.found) == (
        Verdict.WARN,
        "0 days to compare with, 5 are needed",
    )
