"""Many bars at once: one column per field, prices in ticks.

    symbol (category)   started_at (UTC)   provider (category): who told us
    open_ticks   high_ticks   low_ticks   close_ticks   volume

A tick is 1/10,000 dollar, so a price is an exact whole number and arithmetic on a column is fast.
"""

from collections.abc import Iterable
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd

from trading_core.bars.grid import Integers
from trading_core.domain.market import Bar

TICKS_PER_USD = 10_000
PRICES = ("open_ticks", "high_ticks", "low_ticks", "close_ticks")
COLUMNS = ("symbol", "started_at", *PRICES, "volume", "provider")


def frame_of(bars: Iterable[Bar], provider: str = "") -> pd.DataFrame:
    """Return bars as columns, in the order given."""
    return frame(
        (
            one.symbol,
            one.started_at,
            ticks(one.open_usd),
            ticks(one.high_usd),
            ticks(one.low_usd),
            ticks(one.close_usd),
            one.volume,
            provider,
        )
        for one in bars
    )


def frame(rows: Iterable[tuple[Any, ...]]) -> pd.DataFrame:
    """Return rows in the order of `COLUMNS` as a frame of the right types."""
    made = pd.DataFrame(list(rows), columns=list(COLUMNS))
    made["started_at"] = pd.to_datetime(made["started_at"], utc=True).dt.as_unit("us")
    whole = dict.fromkeys((*PRICES, "volume"), "int64")
    return made.astype({**whole, "symbol": "category", "provider": "category"})


def ticks(price_usd: Decimal) -> int:
    """Return a price in ticks."""
    return int(price_usd * TICKS_PER_USD)


def minutes_of(bars: pd.DataFrame) -> Integers:
    """Return the minute since the epoch of each bar."""
    stamps: Integers = bars["started_at"].dt.as_unit("s").astype("int64").to_numpy()
    return stamps // 60


def symbol_numbers(bars: pd.DataFrame, symbols: Iterable[str]) -> tuple[list[str], Integers]:
    """Return the symbols asked for in order, and for each bar which of them it is; -1: none."""
    wanted = sorted(set(symbols))
    known = bars["symbol"].cat
    to_wanted = np.array([*(_index(wanted, one) for one in known.categories), -1], np.int64)
    return wanted, to_wanted[known.codes.to_numpy()]


def _index(wanted: list[str], symbol: str) -> int:
    return wanted.index(symbol) if symbol in wanted else -1
