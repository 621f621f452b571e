"""What a period's orders paid against the market, and what was maintained meanwhile."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import psycopg
import pytest

from tasks.kernel import Kind, Run
from tasks.kernel.ledger import PostgresLedger
from tasks.period_report import tables
from tasks.period_report.facts import read_period
from tasks.period_report.period import Span
from tests.fakes.ledger import MemoryLedger
from tests.fix_postgres import TradingDatabase
from tests.tasks.reporting.desk import ACCOUNT, FRIDAY, MONDAY, TUESDAY
from trading_core.domain.market import Bar
from trading_core.performance.execution import executed
from trading_core.settings import Settings
from trading_core.storage.connect import connect
from trading_core.storage.trading import bars, executions_done, periods


def minute(number: int) -> datetime:
    return datetime(2013, 10, 7, 13, 30, tzinfo=UTC) + timedelta(minutes=number)


def a_bar(number: int) -> Bar:
    """A minute of Monday whose prices and volume tell it from every other one."""
    usd = Decimal(168) + Decimal(number) / 100
    return Bar("SPY", minute(number), usd, usd + 1, usd - 1, usd + Decimal("0.5"), 100 + number)


def test_each_order_is_held_against_what_the_definition_says(
    settings: Settings, trading_database: TradingDatabase
) -> None:
    minutes = [a_bar(number) for number in range(2, 15)]
    with psycopg.connect(trading_database.app_dsn.get_secret_value()) as connection:
        bars.store(connection, "bars", minutes)
        connection.execute(
            "UPDATE fills SET executed_at = %s WHERE execution_id = 'e-2013-10-07-10'",
            (minute(12) + timedelta(seconds=30),),
        )
        connection.execute(
            "UPDATE orders SET signal_at = %s WHERE client_order_id = '2013-10-07-10'",
            (minute(9) + timedelta(seconds=20),),
        )
        connection.commit()
        known = [
            bar
            for bar in bars.between(connection, "bars", "SPY", minute(0), minute(400))
            if bar.started_at >= minute(0)
        ]
        fills = [
            fill
            for _, fill in periods.fills_until(connection, ACCOUNT, TUESDAY)
            if fill.client_order_id == "2013-10-07-10"
        ]
        found = executions_done.between(connection, ACCOUNT, MONDAY, MONDAY)
    wanted = executed("sma_crossover", minute(9) + timedelta(seconds=20), fills, known)
    [first, second] = found
    assert (first.quantity, first.average_usd) == (Decimal(100), Decimal(169))
    assert first.arrival_usd == wanted.arrival_usd
    assert first.arrival_usd == a_bar(8).close_usd
    assert first.interval_vwap_usd is not None
    assert wanted.interval_vwap_usd is not None
    assert float(first.interval_vwap_usd) == pytest.approx(float(wanted.interval_vwap_usd))
    # No minute of the second's is known, so nothing but its arrival price can be said of it.
    assert (second.side, second.interval_vwap_usd) == ("sell", None)
    assert second.arrival_usd == a_bar(14).close_usd


def test_yesterdays_last_price_is_no_arrival_price_of_today(
    settings: Settings, trading_database: TradingDatabase
) -> None:
    with psycopg.connect(trading_database.owner_dsn.get_secret_value()) as connection:
        connection.execute("DELETE FROM bars WHERE started_at >= '2013-10-07'")
        found = executions_done.between(connection, ACCOUNT, FRIDAY, MONDAY)
    assert [one.arrival_usd for one in found] == [160, 160, None, None]


def test_a_week_says_what_its_orders_paid(settings: Settings) -> None:
    rows = tables.costs(read_period(settings, Span.WEEK, FRIDAY)).artifact()
    # 100 bought at 168 that stood at 160, and 100 sold at 169: 800 paid, 900 saved.
    [row] = rows
    assert (row["Strategy"], row["Symbol"], row["Orders"]) == ("sma_crossover", "SPY", "2")
    assert "100.00" in str(row["Arrival cost"])


def test_the_log_of_maintenance_has_a_line_for_each_run_that_changed_something(
    settings: Settings, ledger: MemoryLedger
) -> None:
    with connect(settings.secret("operations_dsn"), application="tests") as connection:
        for number, (runbook, last) in enumerate(
            [
                ("maintain-database", Kind.PROOF),
                ("clean-up", Kind.FAILED),
                ("trading-halt", Kind.PROOF),
            ]
        ):
            run = Run(runbook, "tonight", f"run-{number}", "ann", ledger)
            kept = PostgresLedger(connection)
            kept.append(run, "k", Kind.INTENT, "do it", {})
            kept.append(run, "k", last, "so it ended", {})
        connection.commit()
    rows = tables.maintenance(read_period(settings, Span.MONTH, None)).artifact()
    assert [(row["Runbook"], row["By"], row["Changes"], row["Ended"]) for row in rows] == [
        ("maintain-database", "ann", "1", "done"),
        ("clean-up", "ann", "0", "failed"),
    ]
