"""The desk's limits: typed, a unit in every name; those it must state have no default."""

from collections.abc import Mapping
from decimal import ROUND_DOWN, Decimal
from typing import Annotated, Any, Literal, Self

from psycopg import Connection
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from trading_core.domain.money import CENT
from trading_core.errors import ConfigurationError
from trading_core.risk.caps import HARD_CAPS, beyond_caps
from trading_core.storage.trading import config
from trading_core.storage.trading.config import ConfigVersion

# The engine counts money in 64-bit ticks; a trillion dollars leaves it room to multiply.
_Dollars = Annotated[Decimal, Field(gt=0, le=10**12, decimal_places=4)]
_Shares = Annotated[int, Field(gt=0, le=10**9)]
_OfEquity = Annotated[Decimal, Field(gt=0, le=1, decimal_places=4)]
_Orders = Annotated[int, Field(gt=0, le=100_000)]

LossLevel = Literal["ok", "warning", "critical", "breaker"]


class RiskLimits(BaseModel):
    """What one order, one position, one account and one day may be.

    Those with a hard cap are at that cap where a set of limits lacks them; the four that may be
    None are not limited then. No set may exceed a cap.

    Attributes:
        position_quantity_max: Shares held of one symbol after the order, long or short.
        price_collar_bps_max: Distance of the order's price from the market, in basis points.
        daily_loss_usd_warn: Loss of the day that is worth a warning.
        daily_loss_usd_page: Loss of the day that wakes somebody.
        daily_loss_usd_breaker: Loss of the day that stops trading.
        daily_loss_share_breaker: The same as a share of the equity the day began with: 0.05 is
            five percent. The lower of the two holds, and warning and page keep their distance.
        position_loss_usd_max: Unrealised loss of one position, long or short, at which it is
            closed; until then nothing is added to it. None: no position is closed for its loss.
        position_concentration_max: Value of one position as a share of equity.
        gross_exposure_usd_max: Cost of all positions and value of all open orders, long and short
            added up.
        net_exposure_usd_max: The same, short taken from long, in either direction.
        leverage_max: Gross exposure as a multiple of equity.
        short_quantity_max: Shares of one symbol that may be sold short: as many as were located.
        short_exposure_usd_max: Cost of all short positions.
        open_orders_max: Orders open at a time.
        orders_per_minute_max: Orders sent in one minute of market time.
        identical_orders_per_minute_max: Of them, the same order of the same strategy. A reversal
            is two: one closes, one opens.
        buying_power_usd_reserve: What must be left of the exchange's buying power after an order.
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
    daily_loss_share_breaker: _OfEquity = HARD_CAPS["daily_loss_share_breaker"]
    position_loss_usd_max: _Dollars | None = None
    position_concentration_max: _OfEquity | None = None
    gross_exposure_usd_max: _Dollars = HARD_CAPS["gross_exposure_usd_max"]
    net_exposure_usd_max: _Dollars = HARD_CAPS["net_exposure_usd_max"]
    leverage_max: Annotated[Decimal, Field(gt=0, decimal_places=2)] | None = None
    short_quantity_max: Annotated[int, Field(ge=0)] = int(HARD_CAPS["short_quantity_max"])
    short_exposure_usd_max: Annotated[Decimal, Field(ge=0, decimal_places=4)] = HARD_CAPS[
        "short_exposure_usd_max"
    ]
    open_orders_max: _Orders = int(HARD_CAPS["open_orders_max"])
    orders_per_minute_max: _Orders = int(HARD_CAPS["orders_per_minute_max"])
    identical_orders_per_minute_max: _Orders = int(HARD_CAPS["identical_orders_per_minute_max"])
    buying_power_usd_reserve: Annotated[Decimal, Field(ge=0, decimal_places=2)] | None = None

    @model_validator(mode="after")
    def _losses_rise(self) -> Self:
        losses = (self.daily_loss_usd_warn, self.daily_loss_usd_page, self.daily_loss_usd_breaker)
        if not losses[0] < losses[1] < losses[2]:
            raise ValueError("daily_loss_usd: expected warn < page < breaker")
        return self

    @model_validator(mode="after")
    def _within_the_caps(self) -> Self:
        if beyond := beyond_caps(self.model_dump()):
            raise ValueError("; ".join(beyond))
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

    @property
    def needs_equity(self) -> bool:
        """Whether a limit is a share of equity."""
        return self.position_concentration_max is not None or self.leverage_max is not None

    @property
    def limits_repetition(self) -> bool:
        """Whether fewer orders may be alike than may be sent at all."""
        return self.identical_orders_per_minute_max < self.orders_per_minute_max

    def on_equity(self, start_usd: Decimal) -> Self:
        """Return the limits of a day that began with so much equity: the lower loss holds."""
        share_usd = self.daily_loss_share_breaker * start_usd
        if not 0 < share_usd < self.daily_loss_usd_breaker:
            return self
        scale = share_usd / self.daily_loss_usd_breaker
        lowered = {
            name: (getattr(self, name) * scale).quantize(CENT, ROUND_DOWN)
            for name in ("daily_loss_usd_warn", "daily_loss_usd_page", "daily_loss_usd_breaker")
        }
        return self.model_copy(update=lowered)

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

    @property
    def version(self) -> ConfigVersion | None:
        """The version last loaded."""
        return self._version

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
