"""Bars in a real table, written by the role that the service has."""

from collections.abc import Iterator

import pytest

from tests.fakes.market_feeds import SYMBOLS, a_bar
from tests.fakes.strategy_surroundings import CLOSES_AT, OPENS_AT
from tests.fix_postgres import TradingDatabase
from trading_core.domain.market import Bar
from trading_core.market_data.archive import Archive
from trading_core.market_data.board import Scope
from trading_core.storage.connect import Database
from trading_core.storage.trading import bars

SCOPE = Scope("s1", "synthetic", SYMBOLS, OPENS_AT, CLOSES_AT)


@pytest.fixture
def database(trading_database: TradingDatabase) -> Iterator[Database]:
    with Database(trading_database.app_dsn, application="tests") as database:
        yield database


def kept(database: Database, symbol: str, source: str = "synthetic") -> list[Bar]:
    with database.transaction() as connection:
        return bars.between(connection, source, symbol, OPENS_AT, CLOSES_AT)


def test_bars_written_again_are_kept_once(database: Database) -> None:
    archive = Archive(database)
    for _ in range(2):
        archive.keep("synthetic", [a_bar("SPY", 0), a_bar("SPY", 1), a_bar("AIG", 0)])
    assert kept(database, "SPY") == [a_bar("SPY", 0), a_bar("SPY", 1)]


def test_another_seed_leaves_nothing_of_its_day_among_the_bars_of_this_one(
    database: Database,
) -> None:
    archive = Archive(database)
    archive.keep("synthetic", [a_bar("SPY", 0, 50), a_bar("SPY", 7, 50), a_bar("XYZ", 7, 50)])
    archive.keep("bars", [a_bar("SPY", 7, 168)])
    archive.begin(SCOPE, [a_bar("SPY", 0)])
    assert kept(database, "SPY") == [a_bar("SPY", 0)]
    assert kept(database, "SPY", "bars") == [a_bar("SPY", 7, 168)]
    assert kept(database, "XYZ") == [a_bar("XYZ", 7, 50)]
