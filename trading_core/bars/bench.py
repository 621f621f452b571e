"""`python -m trading_core.bars.bench`: a year of minute bars of 100 symbols, checked for gaps.

The bars are made here, from a seed; 300 gaps are cut into them. The same work is then done the
plain way, each symbol reindexed in pandas, and both must find the same ranges.
"""

import sys
from collections.abc import Callable
from datetime import date

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from trading_core.bars.columns import minutes_of, symbol_numbers
from trading_core.bars.gaps import Gap, find_gaps
from trading_core.bars.grid import Grid
from trading_core.clock import stopwatch_seconds
from trading_core.paper.market.hours import trading_days

SYMBOLS = 100
GAPS = 300
GAP_MINUTES_MAX = 60
YEAR = 2013
SEED = 20131007


def main() -> int:
    """Measure both ways, and say whether they agree."""
    grid = Grid.of(trading_days(date(YEAR, 1, 1), date(YEAR, 12, 31)))
    bars, names = made(grid)
    say(f"{len(bars):,} bars of {SYMBOLS} symbols, {len(grid.dates)} sessions of {YEAR}")
    ours, ours_seconds = timed(lambda: by_grid(grid, bars, names))
    say(f"tradeops, one grid for all symbols   {ours_seconds:7.2f} s   {len(ours)} gaps")
    plain, plain_seconds = timed(lambda: by_reindex(grid, bars, names))
    say(f"pandas, each symbol reindexed        {plain_seconds:7.2f} s   {len(plain)} gaps")
    agree = ours == plain
    say(f"the same ranges: {'yes' if agree else 'NO'}; {plain_seconds / ours_seconds:.1f} times")
    return 0 if agree else 1


def made(grid: Grid) -> tuple[pd.DataFrame, list[str]]:
    """Return the bars' symbols and times, without the minutes that were cut out."""
    random = np.random.default_rng(SEED)
    names = [f"SYM{number:03}" for number in range(SYMBOLS)]
    there = np.ones((SYMBOLS, grid.minutes.size), dtype=bool)
    for _ in range(GAPS):
        row, start = random.integers(SYMBOLS), random.integers(grid.minutes.size)
        there[row, start : start + random.integers(1, GAP_MINUTES_MAX)] = False
    rows, columns = np.nonzero(there)
    stamps = (grid.minutes[columns] * 60_000_000).astype("datetime64[us]")
    codes: NDArray[np.int16] = rows.astype("int16")
    symbols = pd.Categorical.from_codes(codes, categories=pd.Index(names))
    return pd.DataFrame(
        {"symbol": symbols, "started_at": pd.DatetimeIndex(stamps, tz="UTC")}
    ), names


def by_grid(grid: Grid, bars: pd.DataFrame, names: list[str]) -> list[tuple[str, int, int]]:
    """Find the gaps our way, from the columns as they are read from a file."""
    wanted, numbers = symbol_numbers(bars, names)
    return [_plain(gap) for gap in find_gaps(grid, wanted, numbers, minutes_of(bars))]


def by_reindex(grid: Grid, bars: pd.DataFrame, names: list[str]) -> list[tuple[str, int, int]]:
    """Find them with what pandas has for it: reindex, isna, and runs by cumulated changes."""
    stamps = pd.DatetimeIndex((grid.minutes * 60_000_000).astype("datetime64[us]"), tz="UTC")
    session = pd.Series(grid.session, index=stamps)
    found = []
    for name in names:
        have = bars[bars["symbol"] == name].set_index("started_at")
        gone = have.reindex(stamps)["symbol"].isna()
        run = ((gone != gone.shift()) | (session != session.shift())).cumsum()[gone]
        for _, minutes in run.groupby(run):
            first = int(minutes.index[0].timestamp()) // 60
            found.append((name, first, len(minutes)))
    return found


def timed(
    work: Callable[[], list[tuple[str, int, int]]],
) -> tuple[list[tuple[str, int, int]], float]:
    """Return what `work` found, and the seconds it took."""
    began_seconds = stopwatch_seconds()
    return work(), stopwatch_seconds() - began_seconds


def say(text: str) -> None:
    """Print at once: somebody waits."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def _plain(gap: Gap) -> tuple[str, int, int]:
    return gap.symbol, int(gap.starts_at.timestamp()) // 60, gap.minutes


if __name__ == "__main__":
    sys.exit(main())
