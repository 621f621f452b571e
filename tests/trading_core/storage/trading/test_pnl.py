"""A day begins once, is marked forwards, and once frozen stays."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import psycopg
import pytest
from psycopg import Connection

from tests.fix_postgres import TradingDatabase
from trading_core.storage.connect import connect
from trading_core.storage.trading import pnl
from trading_core.storage.trading.pnl import DayMark, DayStart

DAY = date(2013, 10, 7)
AT = datetime(2013, 10, 7, 14, 0, tzinfo=UTC)
START = DayStart(Decimal("100000.00"), Decimal("12.5"), Decimal("-3.25"))


def a_mark(total_usd: str, at: datetime = AT) -> DayMark:
    total = Decimal(total_usd)
    return DayMark(total - 1, Decimal(1), total, 7, 2, 1, at)


@pytest.fixture
def connection(trading_database: TradingDatabase) -> "Connection":
    return connect(trading_database.app_dsn, application="test")


def test_the_first_word_on_where_a_day_begins_holds(connection: Connection) -> None:
    with connection:
        assert pnl.begin_day(connection, "PA1", DAY, START)
        assert not pnl.begin_day(connection, "PA1", DAY, DayStart(*[Decimal(0)] * 3))
        found = pnl.of_day(connection, "PA1", DAY)
        assert found is not None
        assert found.start == START


def test_a_day_that_never_began_is_not_marked(connection: Connection) -> None:
    with connection:
        assert not pnl.mark_day(connection, "PA1", DAY, a_mark("5"))
        assert pnl.of_day(connection, "PA1", DAY) is None
        assert pnl.freeze_day(connection, "PA1", DAY) is None


def test_marking_a_moment_again_replaces_it_and_marking_an_earlier_one_does_nothing(
    connection: Connection,
) -> None:
    with connection:
        pnl.begin_day(connection, "PA1", DAY, START)
        assert pnl.mark_day(connection, "PA1", DAY, a_mark("5"))
        assert pnl.mark_day(connection, "PA1", DAY, a_mark("6"))
        assert not pnl.mark_day(connection, "PA1", DAY, a_mark("9", AT - timedelta(minutes=1)))
        found = pnl.of_day(connection, "PA1", DAY)
        assert found is not None
        assert found.total_pnl_usd == Decimal(6)
        assert (found.trade_count, found.winning_trades, found.losing_trades) == (7, 2, 1)
        curve = pnl.equity_curve(connection, "PA1", DAY)
        assert [(one.at, one.equity_usd) for one in curve] == [(AT, Decimal("100006.00"))]


def test_a_frozen_day_is_final(connection: Connection) -> None:
    with connection:
        pnl.begin_day(connection, "PA1", DAY, START)
        pnl.mark_day(connection, "PA1", DAY, a_mark("5"))
        frozen = pnl.freeze_day(connection, "PA1", DAY)
        assert frozen is not None
        assert frozen.frozen_at is not None
        assert not pnl.mark_day(connection, "PA1", DAY, a_mark("6", AT + timedelta(minutes=1)))
        assert pnl.freeze_day(connection, "PA1", DAY) == frozen
        assert len(pnl.equity_curve(connection, "PA1", DAY)) == 1
        with pytest.raises(psycopg.errors.RaiseException, match="frozen"):
            connection.execute("UPDATE daily_pnl SET total_pnl_usd = 0")
        connection.rollback()
