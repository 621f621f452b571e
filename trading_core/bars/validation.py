"""Whether bars make sense: what is impossible, twice, out of order, or sticks out.

Every test looks at whole columns at once. Findings name symbol and minute, so that a person can
look at the place. What sticks out is judged against the symbol's own quiet: a deviation must be
many times the usual one, and large in itself, and a move that stays is no spike.
"""

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Protocol

import numpy as np
import pandas as pd

from trading_core.bars.columns import PRICES
from trading_core.clock import EXCHANGE_ZONE

# A spike is this many times the usual deviation of its symbol, and at least this large in itself.
_SPIKE_DEVIATIONS = 20.0
_SPIKE_RATIO_MIN = 0.03
# Bars before and after one that say where its price should be.
_NEIGHBOURS = 5
# Overnight, a price beyond this ratio of the last one looks like a split; news seldom do that.
_JUMP_RATIO = 1.6
# How far from the split's own ratio the first price after it may be.
_SPLIT_SLACK_RATIO = 1.25


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing wrong with a bar.

    Attributes:
        kind: `ohlc`, `price`, `volume`, `duplicate`, `order`, `spike`, `split`, `jump`, `source`.
        detail: What was found, in words.
    """

    symbol: str
    at: datetime
    kind: str
    detail: str


class SplitOfShares(Protocol):
    """Every `old` shares of a symbol became `new` before the open of `ex_date`."""

    @property
    def symbol(self) -> str:
        """The symbol."""
        ...

    @property
    def ex_date(self) -> date:
        """The first day of the new shares."""
        ...

    @property
    def old(self) -> int:
        """Shares before."""
        ...

    @property
    def new(self) -> int:
        """Shares after."""
        ...


def validate(bars: pd.DataFrame, splits: Iterable[SplitOfShares] = ()) -> list[Finding]:
    """Return everything wrong with bars, by kind of test; none: they are believed.

    Args:
        bars: As `trading_core.bars.columns` describes, in the order they are stored.
        splits: Those the factor files know of.
    """
    if bars.empty:
        return []
    found = [*_impossible(bars), *_twice(bars), *_out_of_order(bars)]
    ordered = bars.sort_values(["symbol", "started_at"], kind="stable")
    ordered = ordered.drop_duplicates(["symbol", "started_at"], keep="last")
    ordered = ordered[(ordered[list(PRICES)] > 0).all(axis=1)]
    return [*found, *_spikes(ordered), *_jumps(ordered, splits)]


def disagreements(bars: pd.DataFrame, other: pd.DataFrame, ratio_max: float) -> list[Finding]:
    """Return the bars whose close another source tells differently.

    Args:
        ratio_max: How far apart two closes may be, as a share of the price: 0.001 is 0.1 %.
    """
    both = bars.merge(other, on=["symbol", "started_at"], suffixes=("", "_other"))
    apart = (both["close_ticks"] / both["close_ticks_other"] - 1).abs() > ratio_max
    return _told(
        both[apart],
        "source",
        lambda bar: f"close {bar.close_ticks}, another source {bar.close_ticks_other} ticks",
    )


def _impossible(bars: pd.DataFrame) -> Iterator[Finding]:
    prices = bars[list(PRICES)]
    yield from _told(bars[(prices <= 0).any(axis=1)], "price", "a price of 0 ticks or less")
    yield from _told(bars[bars["volume"] < 0], "volume", lambda bar: f"volume {bar.volume}")
    inside = (bars["low_ticks"] <= prices.min(axis=1)) & (bars["high_ticks"] >= prices.max(axis=1))
    yield from _told(
        bars[~inside],
        "ohlc",
        lambda bar: (
            f"open {bar.open_ticks} and close {bar.close_ticks} not within "
            f"{bar.low_ticks} to {bar.high_ticks} ticks"
        ),
    )


def _twice(bars: pd.DataFrame) -> list[Finding]:
    again = bars.duplicated(["symbol", "started_at"], keep="first")
    return _told(bars[again], "duplicate", "this minute is there more than once")


def _out_of_order(bars: pd.DataFrame) -> list[Finding]:
    # Of each symbol; how the symbols are mixed does not matter.
    step = bars.groupby("symbol", observed=True)["started_at"].diff()
    return _told(bars[step < pd.Timedelta(0)], "order", "comes after a later minute")


def _spikes(bars: pd.DataFrame) -> list[Finding]:
    """Find bars whose extremes leave their neighbourhood and do not stay where they went."""
    if bars.empty:
        return []
    day = bars["started_at"].dt.tz_convert(EXCHANGE_ZONE.key).dt.normalize()
    logs = bars[list(PRICES)].astype("float64").apply(np.log)
    ranges = (logs["high_ticks"] - logs["low_ticks"]).groupby(bars["symbol"], observed=True)
    limit = (_SPIKE_DEVIATIONS * ranges.transform("median")).clip(
        lower=math.log1p(_SPIKE_RATIO_MIN)
    )
    close, sessions = logs["close_ticks"], [bars["symbol"], day]
    # The median of as many bars before as after: a move that stays passes it, a spike does not.
    middle = close.groupby(sessions, observed=True).transform(
        lambda prices: prices.rolling(2 * _NEIGHBOURS + 1, center=True).median()
    )
    believed = close.mask((close - middle).abs() > limit, middle).groupby(sessions, observed=True)
    beside = (believed.shift(1), believed.shift(-1))
    # At the ends of a session nothing tells whether a move stayed: its own open and close must do.
    here = [middle.fillna(logs[name]) for name in ("open_ticks", "close_ticks")]
    top = np.fmax.reduce([*here, *beside])
    bottom = np.fmin.reduce([*here, *beside])
    beyond = np.maximum(logs["high_ticks"] - top, bottom - logs["low_ticks"])
    return _told(
        bars[beyond > limit],
        "spike",
        lambda bar: f"{bar.low_ticks} to {bar.high_ticks} ticks, far from the minutes around it",
    )


def _jumps(bars: pd.DataFrame, splits: Iterable[SplitOfShares]) -> list[Finding]:
    """Compare each first price of a day with the last of the day before, splits considered."""
    if bars.empty:
        return []
    day = bars["started_at"].dt.tz_convert(EXCHANGE_ZONE.key).dt.date
    days = bars.assign(day=day).groupby(["symbol", "day"], observed=True)
    ends = days.agg(
        started_at=("started_at", "first"),
        first=("open_ticks", "first"),
        last=("close_ticks", "last"),
    ).reset_index()
    ends["before"] = ends.groupby("symbol", observed=True)["last"].shift(1)
    ends = ends.dropna(subset=["before"])
    known = {(one.symbol, one.ex_date): one.old / one.new for one in splits}
    ends["split"] = [known.get(key) for key in zip(ends["symbol"], ends["day"], strict=True)]
    ends["ratio"] = ends["first"] / ends["before"]
    off = np.exp(np.log(ends["ratio"] / ends["split"].astype("float64")).abs())
    wrong = ends[ends["split"].notna() & (off > _SPLIT_SLACK_RATIO)]
    alone = np.exp(np.log(ends["ratio"]).abs()) > _JUMP_RATIO
    return _told(
        wrong,
        "split",
        lambda row: f"opens at {row.ratio:.3f} of the last price; its split says {row.split:.3f}",
    ) + _told(
        ends[ends["split"].isna() & alone],
        "jump",
        lambda row: f"opens at {row.ratio:.3f} of the last price, and no split is known",
    )


def _told(rows: pd.DataFrame, kind: str, detail: str | Callable[[Any], str]) -> list[Finding]:
    found: Iterable[Any] = rows.itertuples(index=False)
    return [
        Finding(
            str(row.symbol),
            row.started_at.to_pydatetime(),
            kind,
            detail if isinstance(detail, str) else detail(row),
        )
        for row in found
    ]
