"""Small tables: what is written is read back, and twice is once."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from psycopg import Connection

from tests.fix_postgres import OperationsDatabase, TradingDatabase
from trading_core.domain.market import Bar
from trading_core.domain.state import Breaker, Mode, TradingState
from trading_core.storage.connect import connect
from trading_core.storage.operations.fences import next_fence
from trading_core.storage.trading import bars, days, risk, state
from trading_core.storage.trading.risk import RiskEvent

AT = datetime(2013, 10, 7, 14, 0, tzinfo=UTC)
DAY = date(2013, 10, 7)


@pytest.fixture
def connection(trading_database: TradingDatabase) -> "Connection":
    return connect(trading_database.app_dsn, application="test")


def a_bar(minute: int, close: str = "14.1") -> Bar:
    price_usd = Decimal("14.0001")
    started_at = AT + timedelta(minutes=minute)
    return Bar("BAC", started_at, price_usd, price_usd, price_usd, Decimal(close), 1200)


def test_bars_are_stored_once_the_last_word_holds_and_they_are_read_oldest_first(
    connection: Connection,
) -> None:
    with connection:
        assert bars.store(connection, "bars", [a_bar(2), a_bar(1)]) == 2
        assert bars.store(connection, "bars", [a_bar(2), a_bar(1, "99"), a_bar(3)]) == 2
        assert bars.latest(connection, "bars", "BAC", 2) == [a_bar(2), a_bar(3)]
        found = bars.between(
            connection, "bars", "BAC", AT + timedelta(minutes=1), AT + timedelta(minutes=3)
        )
        assert found == [a_bar(1, "99"), a_bar(2)]
        assert bars.latest(connection, "synthetic", "BAC", 5) == []


def test_a_day_is_opened_once_and_closed_once(connection: Connection) -> None:
    with connection:
        assert days.open_day(connection, "PA1", DAY, "bars")
        assert not days.open_day(connection, "PA1", DAY, "synthetic")
        days.set_report(connection, "PA1", DAY, "reports/day.html")
        assert days.close_day(connection, "PA1", DAY)
        assert not days.close_day(connection, "PA1", DAY)
        found = days.find(connection, "PA1", DAY)
        assert found is not None
        assert (found.source, found.report_path) == ("bars", "reports/day.html")
        assert found.closed_at is not None
        assert days.newest(connection) == found
        assert days.find(connection, "PA2", DAY) is None


def test_the_newest_trading_state_is_the_last_one_written(connection: Connection) -> None:
    first = TradingState(Mode.HALTED, False, Breaker.OPEN, "loss", "risk_manager", AT, 3)
    second = TradingState(Mode.RUNNING, True, Breaker.CLOSED, "ready", "checklist", AT, 4)
    with connection:
        assert state.newest(connection) is None
        state.append(connection, first)
        state.append(connection, second)
        assert state.newest(connection) == second


def test_each_fence_is_higher_than_the_one_before(operations_database: OperationsDatabase) -> None:
    with connect(operations_database.app_dsn, application="test") as connection:
        fences = [next_fence(connection) for _ in range(3)]
    assert fences == sorted(set(fences))


def test_risk_events_are_found_by_their_facts(connection: Connection) -> None:
    event = RiskEvent("PA1", "daily_loss", "warning", "lost", {"level": "warning", "x": "1"}, AT)
    later = RiskEvent("PA1", "breaker", "critical", "open", {}, AT + timedelta(minutes=1))
    with connection:
        risk.append(connection, later)
        risk.append(connection, event)
        assert risk.recent(connection, "PA1") == [event, later]
        assert risk.recent(connection, "PA1", limit=1) == [event]
        assert risk.is_recorded(connection, "PA1", "daily_loss", {"level": "warning"})
        assert not risk.is_recorded(connection, "PA1", "daily_loss", {"level": "breaker"})
        assert not risk.is_recorded(connection, "PA2", "daily_loss", {"level": "warning"})
