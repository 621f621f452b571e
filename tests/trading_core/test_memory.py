"""A day's hours of market time leave no more in memory than the stated bound."""

import sys
from datetime import timedelta
from pathlib import Path

import pytest

from tests.fix_core import running_core
from tests.fix_postgres import OperationsDatabase, TradingDatabase
from tests.market_hours import SERVICES, replay_days, told

DAYS = 5


@pytest.mark.slow
def test_twenty_four_hours_of_market_time_leave_memory_within_the_bound(
    trading_database: TradingDatabase, operations_database: OperationsDatabase, tmp_path: Path
) -> None:
    names = ("redis", *SERVICES)
    with running_core(tmp_path / "core", trading_database, operations_database, names) as core:
        readings = replay_days(core, DAYS)
    sys.stdout.write(f"\n{told(readings)}\n")
    # The first day is the warm-up: what is read lazily has been read.
    assert readings.market_time - timedelta(hours=6.5) >= timedelta(hours=24)
    assert readings.within_bound()
