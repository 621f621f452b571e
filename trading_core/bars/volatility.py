"""How much symbols move, and what kind of market that makes.

Volatility is realised: the deviation of one-minute log returns within sessions, scaled to a year of
252 sessions of 390 minutes. Trend is the move over the days in units of what chance would make of
that volatility: beyond one it is more than noise.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from trading_core.clock import EXCHANGE_ZONE

_MINUTES_PER_YEAR = 252 * 390
# Annualised, as shares: below the first a market is calm, above the second it is stressed.
CALM_BELOW, STRESSED_ABOVE = 0.12, 0.25
_TREND_MIN = 1.0


@dataclass(frozen=True, slots=True)
class Moves:
    """One symbol over some days.

    Attributes:
        volatility: Annualised, as a share: 0.2 is 20 %.
        change: From the first open to the last close, as a share.
        trend: The change in units of what chance makes of the volatility.
    """

    symbol: str
    minutes: int
    volatility: float
    change: float
    trend: float

    @property
    def regime(self) -> str:
        """Calm, normal or stressed; and whether it goes anywhere."""
        level = "normal"
        if self.volatility < CALM_BELOW:
            level = "calm"
        if self.volatility > STRESSED_ABOVE:
            level = "stressed"
        if abs(self.trend) < _TREND_MIN:
            return f"{level}, sideways"
        return f"{level}, {'rising' if self.trend > 0 else 'falling'}"


def moves(bars: pd.DataFrame) -> list[Moves]:
    """Return how each symbol moved, by symbol; those with fewer than three minutes left out."""
    if bars.empty:
        return []
    day = bars["started_at"].dt.tz_convert(EXCHANGE_ZONE.key).dt.date
    logs = bars[["close_ticks"]].astype("float64").apply(np.log)["close_ticks"]
    steps = logs.groupby([bars["symbol"], day], observed=True).diff()
    table = bars.assign(step=steps).groupby("symbol", observed=True)
    figures = table.agg(
        minutes=("step", "count"),
        deviation=("step", "std"),
        first=("open_ticks", "first"),
        last=("close_ticks", "last"),
    ).reset_index()
    found: Iterable[Any] = figures[figures["minutes"] > 1].itertuples(index=False)
    return [_moves(row) for row in found]


def _moves(row: Any) -> Moves:
    change = row.last / row.first - 1
    by_chance = row.deviation * math.sqrt(row.minutes)
    return Moves(
        symbol=str(row.symbol),
        minutes=int(row.minutes),
        volatility=float(row.deviation * math.sqrt(_MINUTES_PER_YEAR)),
        change=float(change),
        trend=float(math.log1p(change) / by_chance) if by_chance else 0.0,
    )
