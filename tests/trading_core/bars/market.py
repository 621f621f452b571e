"""Bars of a quiet market, made from a seed, for planting one fault at a time."""

from collections.abc import Iterable
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from trading_core.bars.columns import PRICES, TICKS_PER_USD, frame
from trading_core.bars.grid import Grid
from trading_core.domain.market import Bar
from trading_core.paper.market.bar_files import load_bar_files
from trading_core.paper.market.hours import trading_days

MONDAY, TUESDAY = date(2013, 10, 7), date(2013, 10, 8)


def grid_of(first: date, last: date, until: datetime | None = None) -> Grid:
    """Return the expected minutes of the exchange's sessions between two dates."""
    return Grid.of(trading_days(first, last), until)


def quiet_market(
    symbols: tuple[str, ...] = ("AIG", "SPY"),
    first: date = MONDAY,
    last: date = TUESDAY,
    seed: int = 0,
) -> pd.DataFrame:
    """Return a bar for every minute: a random walk of about 0.05 % a minute, sorted."""
    random = np.random.default_rng(seed)
    minutes = grid_of(first, last).minutes
    parts = []
    for symbol in symbols:
        logs = np.log(random.uniform(5, 500)) + np.cumsum(random.normal(0, 5e-4, minutes.size + 1))
        prices = (np.exp(logs) * 10_000).astype("int64")
        begin, end = prices[:-1], prices[1:]
        wick = random.integers(0, begin // 2000 + 1)
        highs, lows = np.maximum(begin, end) + wick, np.minimum(begin, end) - wick
        prices_of = dict(zip(PRICES, (begin, highs, lows, end), strict=True))
        stamps = pd.DatetimeIndex((minutes * 60_000_000).astype("datetime64[us]"), tz="UTC")
        named = {"symbol": symbol, "started_at": stamps, **prices_of}
        parts.append(pd.DataFrame({**named, "volume": 100, "provider": "primary"}))
    found = pd.concat(parts, ignore_index=True)
    return found.astype({"symbol": "category", "provider": "category"})


def recorded_market(directory: Path, days: tuple[date, ...]) -> pd.DataFrame:
    """Return the recorded trades of some days, extended hours included."""
    rows = []
    for day in days:
        tape = load_bar_files(directory, day, None)
        for symbol, one in tape.symbols.items():
            for minute, bar in one.trades.items():
                prices = (bar.prices.open, bar.prices.high, bar.prices.low, bar.prices.close)
                rows.append((symbol, tape.starts_at(minute), *prices, bar.volume, "files"))
    return frame(sorted(rows))


def bars_of(columns: pd.DataFrame) -> list[Bar]:
    """Return bars one by one, with prices in dollars."""
    rows: Iterable[Any] = columns.itertuples(index=False)
    return [
        Bar(
            symbol=str(row.symbol),
            started_at=row.started_at.to_pydatetime().astimezone(UTC),
            open_usd=Decimal(row.open_ticks) / TICKS_PER_USD,
            high_usd=Decimal(row.high_ticks) / TICKS_PER_USD,
            low_usd=Decimal(row.low_ticks) / TICKS_PER_USD,
            close_usd=Decimal(row.close_ticks) / TICKS_PER_USD,
            volume=row.volume,
        )
        for row in rows
    ]
