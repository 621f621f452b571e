"""RSI momentum: trade the turn out of an extreme, not the extreme itself.

Long when the index leaves the oversold zone upwards; short (or flat, where shorting is not
allowed) when it leaves the overbought zone downwards.
"""

from decimal import Decimal
from typing import Self

from pydantic import Field, model_validator

from trading_core.strategy.indicators import WilderRsi
from trading_core.strategy.parameters import StrategyParameters
from trading_core.strategy.stance import Stance

NAME = "rsi_momentum"


class RsiParameters(StrategyParameters):
    """Parameters of the RSI rule; the period in one-minute bars, the levels on 0 to 100."""

    rsi_period: int = Field(ge=2, le=120, description="Changes of price in the first averages.")
    rsi_oversold: Decimal = Field(gt=0, lt=100, description="At or below: oversold.")
    rsi_overbought: Decimal = Field(gt=0, lt=100, description="At or above: overbought.")

    @model_validator(mode="after")
    def _zones_are_apart(self) -> Self:
        if self.rsi_oversold >= self.rsi_overbought:
            raise ValueError(
                f"rsi_oversold: expected less than rsi_overbought ({self.rsi_overbought}), "
                f"was {self.rsi_oversold}"
            )
        return self


class RsiMomentum:
    """The rule on one symbol."""

    def __init__(self, parameters: RsiParameters) -> None:
        self._rsi = WilderRsi(parameters.rsi_period)
        self._oversold = parameters.rsi_oversold
        self._overbought = parameters.rsi_overbought
        self._turned_down = parameters.stance_when_falling
        self._last: Decimal | None = None

    def on_close(self, close_ticks: int) -> Stance | None:
        """Take in one closing price; see `stance.Rule`."""
        last, self._last = self._last, self._rsi.add(close_ticks)
        if last is None or self._last is None:
            return None
        if last <= self._oversold < self._last:
            return Stance.LONG
        if last >= self._overbought > self._last:
            return self._turned_down
        return None
