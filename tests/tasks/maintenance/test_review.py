"""What a review of the database must see: the slow, the unused, the partition that lacks."""

from datetime import date
from pathlib import Path

import psycopg
import pytest

from infra.embedded import postgres, secrets
from tasks.kernel import Verdict
from tasks.maintenance import statements
from tasks.maintenance.database import check_statistics_fresh
from tasks.maintenance.partitions import check_partitions, ensure_partitions_made
from tasks.maintenance.statements import check_slow_statements, ensure_statements_counted
from tests.fix_postgres import PostgresServer, TradingDatabase, free_port
from trading_core.settings import Settings
from trading_core.storage.connect import Database

TODAY = date(2026, 11, 28)


@pytest.fixture
def split(trading_database: TradingDatabase) -> TradingDatabase:
    """A table split by month, with the partition of this month only."""
    with psycopg.connect(trading_database.owner_dsn.get_secret_value()) as link:
        link.execute(
            "CREATE TABLE ticks (at timestamptz NOT NULL, price numeric) PARTITION BY RANGE (at)"
        )
        link.execute(
            "CREATE TABLE ticks_2026_11 PARTITION OF ticks"
            " FOR VALUES FROM ('2026-11-01') TO ('2026-12-01')"
        )
    return trading_database


@pytest.mark.usefixtures("run")
def test_the_partitions_of_the_next_months_are_made_once_and_take_rows(
    split: TradingDatabase, database: Database
) -> None:
    lacking = check_partitions.fn(database, TODAY)
    done = ensure_partitions_made.fn(database, split.owner_dsn, TODAY)
    again = ensure_partitions_made.fn(database, split.owner_dsn, TODAY)

    assert (lacking.verdict, lacking.found) == (Verdict.FAIL, "ticks lacks 2026-12")
    assert done.value == ["ticks_2026_12", "ticks_2027_01", "ticks_2027_02"]
    assert not again.changed
    assert check_partitions.fn(database, TODAY).verdict is Verdict.PASS
    with psycopg.connect(split.owner_dsn.get_secret_value()) as link:
        link.execute("INSERT INTO ticks VALUES ('2027-02-28 23:59:59+00', 1)")
        with pytest.raises(psycopg.errors.CheckViolation):
            link.execute("INSERT INTO ticks VALUES ('2027-03-01 00:00:00+00', 1)")


@pytest.mark.usefixtures("rehearsal")
def test_a_rehearsal_makes_no_partition(split: TradingDatabase, database: Database) -> None:
    told = ensure_partitions_made.fn(database, split.owner_dsn, TODAY).sentence
    assert "make 3 partitions: ticks_2026_12" in told
    assert check_partitions.fn(database, TODAY).verdict is Verdict.FAIL


@pytest.mark.usefixtures("run")
def test_where_no_table_is_split_the_largest_is_told(
    trading_database: TradingDatabase, database: Database
) -> None:
    found = check_partitions.fn(database, TODAY)
    assert found.verdict is Verdict.PASS
    assert "no table is split by time" in found.found
    assert not ensure_partitions_made.fn(database, trading_database.owner_dsn, TODAY).changed


def test_a_table_without_statistics_is_named_until_it_is_analyzed(
    trading_database: TradingDatabase, database: Database
) -> None:
    with psycopg.connect(trading_database.owner_dsn.get_secret_value(), autocommit=True) as link:
        link.execute("CREATE TABLE stale (n int) WITH (autovacuum_enabled = off)")
        link.execute("GRANT SELECT ON stale TO PUBLIC")
        link.execute("INSERT INTO stale SELECT generate_series(1, 10)")
        link.execute("SELECT pg_stat_force_next_flush()")
        assert "stale not analyzed" in check_statistics_fresh.fn(database).found
        link.execute("ANALYZE")
        link.execute("SELECT pg_stat_force_next_flush()")
    found = check_statistics_fresh.fn(database)
    assert (found.verdict, found.limit, found.unit) == (Verdict.PASS, 8.0, " d")


def settings_of(root: Path, dsn: str) -> Settings:
    one = Settings(state_dir=root)
    secrets.write(one.secrets_dir, "superuser_dsn", dsn)
    return one


@pytest.mark.usefixtures("run")
def test_without_the_count_of_statements_the_line_says_so_and_is_not_green(tmp_path: Path) -> None:
    with postgres.running(tmp_path, free_port(), options=["shared_preload_libraries="]) as server:
        settings = settings_of(tmp_path, server.superuser_dsn)
        assert not ensure_statements_counted.fn(settings).changed
        found = check_slow_statements.fn(settings)
    assert found.verdict is Verdict.WARN
    assert "pg_stat_statements is not loaded" in found.found


@pytest.fixture
def uncounted(postgres_server: PostgresServer, tmp_path: Path) -> Settings:
    """A server that counts statements, none of them yet, and shows the count to nobody."""
    if not postgres_server.cluster.binaries.has_module(postgres.STATEMENT_COUNTS):
        pytest.skip("this PostgreSQL came without its module pg_stat_statements")
    dsn = postgres_server.superuser_dsn.get_secret_value()
    with psycopg.connect(dsn, autocommit=True) as link:
        link.execute("CREATE EXTENSION IF NOT EXISTS pg_stat_statements")
        link.execute("SELECT pg_stat_statements_reset()")
        link.execute("DROP EXTENSION pg_stat_statements")
    return settings_of(tmp_path, dsn)


@pytest.mark.usefixtures("run")
def test_a_statement_that_is_slow_and_often_called_is_named(
    uncounted: Settings, postgres_server: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = check_slow_statements.fn(uncounted)
    assert (before.verdict, "not readable yet" in before.found) == (Verdict.WARN, True)
    assert ensure_statements_counted.fn(uncounted).changed
    assert not ensure_statements_counted.fn(uncounted).changed
    assert check_slow_statements.fn(uncounted).verdict is Verdict.PASS
    with psycopg.connect(postgres_server.superuser_dsn.get_secret_value()) as link:
        for _ in range(101):
            link.execute("SELECT 'often'")
    # Of a hundred calls that take no time at all, none is slow until the limit says so.
    assert check_slow_statements.fn(uncounted).verdict is Verdict.PASS
    monkeypatch.setattr(statements, "MEAN_MS_MAX", 0.0)
    found = check_slow_statements.fn(uncounted)
    assert found.verdict is Verdict.WARN
    assert "101 times: SELECT $1" in found.found


@pytest.mark.usefixtures("run")
def test_the_count_keeps_no_password(uncounted: Settings, postgres_server: PostgresServer) -> None:
    ensure_statements_counted.fn(uncounted)
    with psycopg.connect(postgres_server.superuser_dsn.get_secret_value()) as link:
        link.execute("CREATE ROLE passing PASSWORD 'kept-in-words'")
        link.rollback()
        kept = link.execute("SELECT query FROM pg_stat_statements").fetchall()
    assert kept
    assert not [query for (query,) in kept if "passing" in query]
