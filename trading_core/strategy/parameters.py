"""What every strategy has in common: its size, and whether it may go short.

Parameters come from `config_versions` (kind `strategy`) and have no defaults: each of them moves
money. Unknown names are refused.
"""

from decimal import ROUND_DOWN, Decimal

from pydantic import BaseModel, ConfigDict, Field

from trading_core.strategy.stance import Stance


class StrategyParameters(BaseModel):
    """Parameters shared by all strategies."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    enabled: bool = Field(description="Whether the strategy sends signals at all.")
    base_quantity: int = Field(ge=1, le=10_000, description="Shares before the multiplier.")
    position_size_multiplier: Decimal = Field(
        ge=0, le=2, description="Scales base_quantity; rounded down to whole shares."
    )
    short_allowed: bool = Field(description="Whether the strategy may hold less than nothing.")

    @property
    def size(self) -> int:
        """Whole shares held when long or short; 0 means the strategy only closes."""
        shares = self.base_quantity * self.position_size_multiplier
        return int(shares.to_integral_value(ROUND_DOWN))

    @property
    def stance_when_falling(self) -> Stance:
        """What a bearish turn leads to."""
        return Stance.SHORT if self.short_allowed else Stance.FLAT
