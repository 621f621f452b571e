"""The desk's limits: typed, a unit in every name; those it must state have no default."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Annotated, Any, Literal, Self

from psycopg import Connection
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from trading_core.errors import ConfigurationError
from trading_core.storage.trading import config
from trading_core.storage.trading.config import ConfigVersion

# The engine counts money in 64-bit ticks; a trillion dollars leaves it room to multiply.
_Dollars = Annotated[Decimal, Field(gt=0, le=10**12, decimal_places=4)]
_Shares = Annotated[int, Field(gt=0, le=10**9)]

LossLevel = Literal["ok", "warning", "critical", "breaker"]


class RiskLimits(BaseModel):
    """What one order, one position and one day may be.

    Attributes:
        position_quantity_max: Shares held of one symbol after the order, long or short.
        price_collar_bps_max: Distance of the order's price from the market, in basis points.
        daily_loss_usd_warn: Loss of the day that is worth a warning.
        daily_loss_usd_page: Loss of the day that wakes somebody.
        daily_loss_usd_breaker: Loss of the day that stops trading.
        gross_exposure_usd_max: Cost of all positions and value of all open orders, long and short
            added up. This and the next three are not limited where a set of limits lacks them.
        open_orders_max: Orders open at a time.
        orders_per_minute_max: Orders sent in one minute of market time.
        short_quantity_max: Shares of one symbol that may be sold short: as many as were located.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    order_quantity_max: _Shares
    order_notional_usd_max: _Dollars
    position_quantity_max: _Shares
    position_notional_usd_max: _Dollars
    price_collar_bps_max: Annotated[int, Field(gt=0, le=10_000)]
    daily_loss_usd_warn: _Dollars
    daily_loss_usd_page: _Dollars
    daily_loss_usd_breaker: _Dollars
    gross_exposure_usd_max: _Dollars | None = None
    open_orders_max: Annotated[int, Field(gt=0, le=10_000)] | None = None
    orders_per_minute_max: Annotated[int, Field(gt=0, le=100_000)] | None = None
    short_quantity_max: Annotated[int, Field(ge=0, le=10**9)] | None = None

    @model_validator(mode="after")
    def _losses_rise(self) -> Self:
        losses = (self.daily_loss_usd_warn, self.daily_loss_usd_page, self.daily_loss_usd_breaker)
        if not losses[0] < losses[1] < losses[2]:
            raise ValueError("daily_loss_usd: expected warn < page < breaker")
        return self

    @classmethod
    def parse(cls, body: Mapping[str, Any]) -> Self:
        """Read limits from configuration.

        Raises:
            ConfigurationError: A limit is missing, unknown or out of bounds; names each.
        """
        try:
            return cls.model_validate(body)
        except ValidationError as error:
            faults = "; ".join(
                f"{'.'.join(map(str, fault['loc'])) or 'limits'}: {fault['msg']}"
                for fault in error.errors()
            )
            raise ConfigurationError(
                f"risk limits: expected a complete and valid set, found {faults}",
                next_step="install corrected limits as a new version; nothing is sent until then",
            ) from error

    def loss_level(self, total_pnl_usd: Decimal) -> LossLevel:
        """Return how bad the day is: the worst level whose loss in dollars it has reached."""
        loss_usd = -total_pnl_usd
        if loss_usd >= self.daily_loss_usd_breaker:
            return "breaker"
        if loss_usd >= self.daily_loss_usd_page:
            return "critical"
        return "warning" if loss_usd >= self.daily_loss_usd_warn else "ok"


class LoadedLimits:
    """The newest limits of the database, parsed once a version."""

    def __init__(self) -> None:
        self._version: ConfigVersion | None = None
        self._limits: RiskLimits | None = None

    def newest(self, connection: Connection) -> tuple[ConfigVersion, RiskLimits] | None:
        """Return the version in force and its limits; None when no limits were ever installed.

        Raises:
            ConfigurationError: The newest version is not a valid set.
        """
        version = config.newest(connection, config.RISK_LIMITS, config.DESK)
        if version is None:
            return None
        if self._limits is None or self._version != version:
            self._limits = RiskLimits.parse(version.body)
            self._version = version
        return version, self._limits
