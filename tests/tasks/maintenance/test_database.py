"""The weekly care of a database, on a real one: done to the end, seen, and done once a window."""

from datetime import timedelta

import psycopg
import pytest

from tasks.kernel import Verdict
from tasks.maintenance import database as maintenance
from tasks.maintenance.database import (
    check_dead_rows,
    check_indexes,
    check_market_closed,
    ensure_database_vacuumed,
)
from tests.fakes.broker import FakeBroker
from tests.fix_postgres import TradingDatabase
from trading_core.clock import SystemClock, poll, seconds
from trading_core.ledger.session import trading_date_of
from trading_core.storage.connect import Database

ROWS = 20_000


@pytest.fixture
def bloated(trading_database: TradingDatabase) -> TradingDatabase:
    """A table most of whose rows are dead, with an index nobody uses."""
    with psycopg.connect(trading_database.owner_dsn.get_secret_value(), autocommit=True) as link:
        link.execute("CREATE TABLE bloated (n int) WITH (autovacuum_enabled = off)")
        link.execute("GRANT SELECT ON bloated TO PUBLIC")
        link.execute(b"INSERT INTO bloated SELECT generate_series(1, %d)" % (2 * ROWS))
        link.execute("CREATE INDEX bloated_n ON bloated (n)")
        link.execute(b"DELETE FROM bloated WHERE n > %d" % ROWS)
    return trading_database


@pytest.mark.usefixtures("run")
def test_dead_rows_are_told_and_gone_after_the_vacuum(
    bloated: TradingDatabase, database: Database
) -> None:
    assert poll(lambda: check_dead_rows.fn(database).verdict is Verdict.WARN, within=seconds(30))
    assert "bloated 50 %" in check_dead_rows.fn(database).found
    today = trading_date_of(SystemClock().now())

    done = ensure_database_vacuumed.fn(database, bloated.owner_dsn, today)
    again = ensure_database_vacuumed.fn(database, bloated.owner_dsn, today)

    assert (done.changed, again.changed) == (True, False)
    assert check_dead_rows.fn(database).verdict is Verdict.PASS
    assert "bloated.bloated_n used" in check_indexes.fn(database).found


@pytest.mark.usefixtures("run")
def test_a_table_somebody_holds_is_given_up_not_waited_for(
    bloated: TradingDatabase, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(maintenance, "_LOCK_WAIT", "100ms")
    with psycopg.connect(bloated.owner_dsn.get_secret_value()) as holder:
        holder.execute("LOCK TABLE bloated IN ACCESS EXCLUSIVE MODE")
        with pytest.raises(Exception, match="lock timeout"):
            ensure_database_vacuumed.fn(
                database, bloated.owner_dsn, trading_date_of(SystemClock().now())
            )


def test_it_waits_for_the_close() -> None:
    broker = FakeBroker({})
    assert check_market_closed.fn(broker).verdict is Verdict.FAIL
    broker.now += timedelta(hours=12)
    assert check_market_closed.fn(broker).verdict is Verdict.PASS
