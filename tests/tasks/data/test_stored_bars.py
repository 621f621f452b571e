"""Stored bars are validated, exported day by day, and dropped when they are old."""

import shutil
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

from tasks.data.parquet import (
    check_parquet_complete,
    check_parquet_files,
    ensure_days_exported,
    ensure_old_bars_dropped,
)
from tasks.data.regime import notify_volatility
from tasks.data.validation import check_bars_valid, check_second_source
from tasks.kernel import Did, Run, Verdict
from tests.tasks.data.conftest import Shop
from tests.trading_core.bars.market import MONDAY, TUESDAY
from trading_core.bars.parquet import path_of
from trading_core.bars.volatility import moves


def test_bars_that_make_sense_pass_and_one_that_cannot_be_is_named(shop: Shop) -> None:
    assert check_bars_valid.fn(shop.history()).verdict is Verdict.UNKNOWN
    shop.store(shop.market[1:])
    assert check_bars_valid.fn(shop.history()).verdict is Verdict.PASS
    first = shop.market[0]
    shop.store([replace(first, high_usd=first.low_usd - 1)])
    found = check_bars_valid.fn(shop.history())
    assert (found.verdict, found.found) == (Verdict.FAIL, "1560 bars: 1 ohlc")


def test_a_second_source_that_tells_another_price_is_red_and_one_that_is_down_yellow(
    shop: Shop,
) -> None:
    shop.store(shop.market)
    assert check_second_source.fn(shop.history(), "backup").verdict is Verdict.PASS
    shop.provider.minutes = [
        replace(bar, close_usd=bar.close_usd * Decimal("1.02")) if bar is shop.market[7] else bar
        for bar in shop.market
    ]
    found = check_second_source.fn(shop.history(), "backup")
    assert (found.verdict, found.found) == (Verdict.FAIL, "1560 bars: 1 source")
    shop.provider.down = True
    assert check_second_source.fn(shop.history(), "backup").verdict is Verdict.WARN


def test_each_stored_day_gets_its_file_and_a_damaged_one_is_written_again(
    shop: Shop, run: Run
) -> None:
    shop.store(shop.market)
    history = shop.history()
    assert check_parquet_complete.fn(history).found == (
        "2 days not as in the database: 2013-10-07, 2013-10-08"
    )
    assert ensure_days_exported.fn(history).value == 2
    assert ensure_days_exported.fn(history).did is Did.NOTHING
    assert check_parquet_files.fn(history).found == "2 files, 0 bad"
    path = path_of(history.parquet_root, "bars", MONDAY)
    path.write_bytes(path.read_bytes()[:-40])
    assert check_parquet_files.fn(history).verdict is Verdict.FAIL
    assert ensure_days_exported.fn(history).value == 1
    assert check_parquet_files.fn(history).verdict is Verdict.PASS


def test_what_is_too_old_is_dropped_from_both_places_and_the_rest_stays(
    shop: Shop, run: Run
) -> None:
    shop.store(shop.market)
    history = shop.history()
    ensure_days_exported.fn(history)
    done = ensure_old_bars_dropped.fn(history, 0)
    assert done.sentence == "drop bars before 2013-10-08: 780 rows, 1 files"
    assert done.value == 780
    assert shop.stored() == 780
    assert not path_of(history.parquet_root, "bars", MONDAY).exists()
    assert path_of(history.parquet_root, "bars", TUESDAY).exists()
    assert ensure_old_bars_dropped.fn(history, 0).did is Did.NOTHING


def test_volatility_is_that_of_the_walk_the_market_took(shop: Shop, run: Run) -> None:
    shop.store(shop.market)
    found = {one.symbol: one for one in moves(shop.history().frame())}
    assert set(found) == {"AIG", "SPY"}
    # A minute's deviation of 0.05 %, times the root of 252 days of 390 minutes.
    assert all(0.14 < one.volatility < 0.17 for one in found.values())
    assert notify_volatility.fn(shop.history()).startswith("normal, ")


def test_a_disk_without_files_is_told_by_the_days_that_lack_them(shop: Shop, run: Run) -> None:
    shop.store(shop.market)
    ensure_days_exported.fn(shop.history())
    shutil.rmtree(Path(shop.history().parquet_root))
    assert check_parquet_files.fn(shop.history()).found == "0 files, 0 bad"
    assert check_parquet_complete.fn(shop.history()).verdict is Verdict.WARN
