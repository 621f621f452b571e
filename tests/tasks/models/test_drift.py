"""Drift of strategies, from the rows a desk really keeps."""

import json
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from tasks.kernel import Verdict
from tasks.models.drift import check_model_drift, ensure_drift_recorded, measured
from tests.fix_postgres import TradingDatabase
from trading_core.settings import Settings
from trading_core.storage.connect import Database, connect

FIRST = date(2013, 9, 2)
MINUTES = 60


def trade(
    trading_database: TradingDatabase,
    days: range,
    *,
    wildness: float = 0.001,
    buys: int = 10,
    sells: int = 10,
    wins: int = 5,
) -> None:
    """Write days down: a random walk of ACME, and one strategy's orders, each filled."""
    random = np.random.default_rng(days.start)
    with connect(trading_database.owner_dsn, application="tests") as connection:
        for number in days:
            day = FIRST + timedelta(days=number)
            open_at = datetime(day.year, day.month, day.day, 14, tzinfo=UTC)
            connection.execute(
                "INSERT INTO trading_days (account, trading_date, source)"
                " VALUES ('PA1', %s, 'synthetic')",
                (day,),
            )
            closes = 100 * np.exp(np.cumsum(random.normal(0, wildness, MINUTES)))
            with connection.cursor() as cursor:
                cursor.executemany(
                    "INSERT INTO bars (symbol, started_at, open_usd, high_usd, low_usd, close_usd,"
                    " volume, source) VALUES ('ACME', %s, %s, %s, %s, %s, 100, 'synthetic')",
                    [
                        (open_at + timedelta(minutes=minute), *[round(float(close), 4)] * 4)
                        for minute, close in enumerate(closes)
                    ],
                )
                sides = ["buy"] * buys + ["sell"] * sells
                cursor.executemany(
                    "INSERT INTO orders (client_order_id, account, trading_date, strategy, symbol,"
                    " side, type, time_in_force, quantity, status, signal_at) VALUES"
                    " (%s, 'PA1', %s, 'sma', 'ACME', %s, 'market', 'day', 1, 'filled', %s)",
                    [(f"{day}-{n}", day, side, open_at) for n, side in enumerate(sides)],
                )
                cursor.executemany(
                    "INSERT INTO fills (execution_id, client_order_id, account, trading_date,"
                    " symbol, side, quantity, price_usd, executed_at, closed_pnl_usd, source)"
                    " VALUES (%s, %s, 'PA1', %s, 'ACME', %s, 1, 100, %s, %s, 'stream')",
                    [
                        (f"x{day}-{n}", f"{day}-{n}", day, side, open_at, 1 if n < wins else -1)
                        for n, side in enumerate(sides)
                    ],
                )


def test_a_market_and_signals_as_before_pass(
    database: Database, trading_database: TradingDatabase
) -> None:
    trade(trading_database, range(25))
    found = check_model_drift.fn(database)
    assert (found.verdict, found.limit) == (Verdict.PASS, 0.2), found
    assert found.value is not None
    assert found.value < 0.1
    assert "2013-09-22 to 2013-09-26 against 2013-09-02 to 2013-09-21" in found.found


def test_a_market_three_times_as_wild_is_red_and_named(
    database: Database, trading_database: TradingDatabase
) -> None:
    trade(trading_database, range(20))
    trade(trading_database, range(20, 25), wildness=0.003)
    found = check_model_drift.fn(database)
    [sma] = measured(database).of
    assert found.verdict is Verdict.FAIL
    assert found.found.startswith("sma ")
    assert (sma.moved_most, sma.signals) == ("ACME", 0.0)
    assert sma.market == found.value


def test_signals_of_another_kind_are_red_and_fewer_wins_are_told(
    database: Database, trading_database: TradingDatabase
) -> None:
    trade(trading_database, range(20), wins=12)
    trade(trading_database, range(20, 25), buys=18, sells=2, wins=2)
    found = check_model_drift.fn(database)
    [sma] = measured(database).of
    assert found.verdict is Verdict.FAIL
    assert sma.signals == found.value
    assert "sma wins less often by" in found.found


def test_with_few_days_nothing_is_known(
    database: Database, trading_database: TradingDatabase
) -> None:
    assert check_model_drift.fn(database).verdict is Verdict.UNKNOWN
    trade(trading_database, range(9))
    found = check_model_drift.fn(database)
    assert (found.verdict, found.found) == (
        Verdict.UNKNOWN,
        "4 days to compare with, 5 are needed",
    )


@pytest.mark.usefixtures("run")
def test_the_scores_of_a_day_are_kept_once(
    tmp_path: Path, database: Database, trading_database: TradingDatabase
) -> None:
    trade(trading_database, range(12))
    settings = Settings(state_dir=tmp_path)
    first = ensure_drift_recorded.fn(settings, database)
    again = ensure_drift_recorded.fn(settings, database)
    assert (first.changed, again.changed) == (True, False)
    kept = json.loads((tmp_path / "reports" / "drift" / "drift-2013-09-13.json").read_text())
    assert (kept["reference_days"], kept["of"][0]["strategy"]) == (7, "sma")
