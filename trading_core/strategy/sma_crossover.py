"""Moving-average crossover: go with the short average when it crosses the long one.

Long when the short average rises above the long one; short (or flat, where shorting is not
allowed) when it falls below. Averages that touch without crossing change nothing.
"""

from typing import Self

from pydantic import Field, model_validator

from trading_core.strategy.indicators import RollingSum
from trading_core.strategy.parameters import StrategyParameters
from trading_core.strategy.stance import Stance

NAME = "sma_crossover"


class SmaParameters(StrategyParameters):
    """Parameters of the crossover; lengths in one-minute bars."""

    sma_short: int = Field(ge=2, le=120, description="Bars in the short average.")
    sma_long: int = Field(ge=3, le=240, description="Bars in the long average.")

    @model_validator(mode="after")
    def _short_is_shorter(self) -> Self:
        if self.sma_short >= self.sma_long:
            raise ValueError(
                f"sma_short: expected less than sma_long ({self.sma_long} bars), "
                f"was {self.sma_short} bars"
            )
        return self


class SmaCrossover:
    """The rule on one symbol."""

    def __init__(self, parameters: SmaParameters) -> None:
        self._short = RollingSum(parameters.sma_short)
        self._long = RollingSum(parameters.sma_long)
        self._below = parameters.stance_when_falling
        self._was_above: bool | None = None

    def on_close(self, close_ticks: int) -> Stance | None:
        """Take in one closing price; see `stance.Rule`."""
        self._short.add(close_ticks)
        self._long.add(close_ticks)
        if not self._long.is_full:
            return None
        # short mean - long mean, times both lengths: exact in integers.
        gap = self._short.sum_ticks * self._long.length - self._long.sum_ticks * self._short.length
        if gap == 0:
            return None
        was_above, self._was_above = self._was_above, gap > 0
        if was_above is None or was_above == self._was_above:
            return None
        return Stance.LONG if self._was_above else self._below
