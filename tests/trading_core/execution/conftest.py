"""What the executor's tests stand on: a database with limits, and one that can be switched off."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from psycopg import Connection

from tests.fix_postgres import TradingDatabase
from trading_core.errors import Unreachable
from trading_core.storage.connect import Database, connect
from trading_core.storage.trading import config

LIMITS = {
    "order_quantity_max": 500,
    "order_notional_usd_max": "25000.00",
    "position_quantity_max": 1000,
    "position_notional_usd_max": "50000.00",
    "price_collar_bps_max": 500,
    "daily_loss_usd_warn": "4000.00",
    "daily_loss_usd_page": "4500.00",
    "daily_loss_usd_breaker": "5000.00",
}


class SwitchableDatabase(Database):
    """The real database with a plug: pulled, it answers as one that is gone, without the wait."""

    plugged = True

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        if not self.plugged:
            raise Unreachable("database: is unplugged", next_step="plug it in")
        with super().transaction() as connection:
            yield connection
            if not self.plugged:
                raise Unreachable("database: was unplugged meanwhile", next_step="plug it in")


@pytest.fixture
def database(trading_database: TradingDatabase) -> Iterator[SwitchableDatabase]:
    with SwitchableDatabase(trading_database.app_dsn, application="test") as opened:
        yield opened


@pytest.fixture
def limits(trading_database: TradingDatabase) -> None:
    with connect(trading_database.owner_dsn, application="test") as connection:
        config.install(
            connection,
            config.RISK_LIMITS,
            config.DESK,
            LIMITS,
            approved_by="risk",
            reason="test",
        )
