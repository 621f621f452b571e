"""Two days of a small market in a real database, and providers that know more of it."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

import pytest

from tasks.data.history import Asked, BarHistory, Provider
from tests.fakes.broker import FakeBroker
from tests.fakes.market_provider import FakeProvider
from tests.trading_core.bars.market import MONDAY, TUESDAY, bars_of, quiet_market
from trading_core.domain.market import Bar
from trading_core.settings import Settings
from trading_core.storage.connect import Database
from trading_core.storage.trading import bar_history

SYMBOLS = ("AIG", "SPY")
EVENING = datetime.fromisoformat("2013-10-08T21:00:00+00:00")
ASKED = Asked(str(MONDAY), str(TUESDAY), source="bars")


class Shop:
    """The bars of two days, wherever they are.

    Attributes:
        market: What happened.
        provider: Tells it when asked.
    """

    def __init__(self, root: Path, database: Database) -> None:
        self.settings = Settings(state_dir=root)
        self.database = database
        self.broker = FakeBroker({})
        self.broker.now = EVENING
        self.market = bars_of(quiet_market(SYMBOLS))
        self.provider = FakeProvider("primary", self.market, EVENING)

    def history(self, asked: Asked = ASKED) -> BarHistory:
        return BarHistory(self.settings, self.database, self.broker, asked, self._lend)

    def store(self, bars: list[Bar]) -> None:
        with self.database.transaction() as connection:
            bar_history.add(connection, "bars", "primary", bars)

    def stored(self) -> int:
        return len(self.history().frame())

    @contextmanager
    def _lend(self, _name: str) -> Iterator[Provider]:
        yield self.provider


@pytest.fixture
def shop(database: Database, tmp_path: Path) -> Shop:
    return Shop(tmp_path, database)
