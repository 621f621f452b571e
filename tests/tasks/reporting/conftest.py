"""A desk of two databases for each test."""

from pathlib import Path

import pytest

from tests.fix_postgres import OperationsDatabase, TradingDatabase
from tests.tasks.reporting.desk import settings_of, trade_three_days
from trading_core.settings import Settings


@pytest.fixture
def settings(
    tmp_path: Path, trading_database: TradingDatabase, operations_database: OperationsDatabase
) -> Settings:
    """Settings of a desk that traded a Friday, a Monday and a Tuesday that is still open."""
    trade_three_days(trading_database)
    return settings_of(tmp_path / "var", trading_database, operations_database)
