"""How well orders were executed: what they paid against the market's own prices.

Two yardsticks. The **arrival price** is the market's when the signal came: shortfall against it is
what deciding and sending cost (A. Perold, "The Implementation Shortfall", Journal of Portfolio
Management, 1988). The **interval VWAP** is the volume-weighted price of the minutes the order
worked in: slippage against it is how well it was worked. A minute's own price is the mean of its
high, low and close, which is as near to its VWAP as a bar comes.

Costs are positive when they are paid and negative when they are saved, on either side.
"""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from trading_core.domain.fills import Fill
from trading_core.domain.market import Bar
from trading_core.domain.orders import Side
from trading_core.domain.shares import Shares

MINUTE = timedelta(minutes=1)
BASIS_POINTS = 10_000


@dataclass(frozen=True, slots=True)
class Execution:
    """One order's fills beside the market. Prices in dollars per share.

    Attributes:
        arrival_usd: Last price before the signal; None when the market had shown none that day.
        interval_vwap_usd: Of the minutes from the signal to the last fill; None without volume.
    """

    strategy: str
    symbol: str
    side: Side
    quantity: Shares
    average_usd: Decimal
    arrival_usd: Decimal | None
    interval_vwap_usd: Decimal | None

    @property
    def arrival_cost_usd(self) -> Decimal | None:
        """Dollars paid above the arrival price by the whole order."""
        return self._cost_usd(self.arrival_usd)

    @property
    def vwap_cost_usd(self) -> Decimal | None:
        """Dollars paid above the interval's VWAP by the whole order."""
        return self._cost_usd(self.interval_vwap_usd)

    def _cost_usd(self, yardstick_usd: Decimal | None) -> Decimal | None:
        if yardstick_usd is None:
            return None
        paid_usd = self.quantity * (self.average_usd - yardstick_usd)
        return paid_usd if self.side is Side.BUY else -paid_usd


@dataclass(frozen=True, slots=True)
class ExecutionCost:
    """What a set of orders paid, in dollars and in basis points of what the yardstick was worth.

    Attributes:
        orders: Orders that have the yardstick; the others are left out of this figure.
    """

    orders: int
    cost_usd: Decimal
    yardstick_notional_usd: Decimal

    @property
    def cost_bps(self) -> Decimal | None:
        """Weighted by notional; None without orders."""
        if not self.yardstick_notional_usd:
            return None
        return self.cost_usd / self.yardstick_notional_usd * BASIS_POINTS


def executed(
    strategy: str, signal_at: datetime, fills: Sequence[Fill], bars: Sequence[Bar]
) -> Execution:
    """Return one order's fills beside the market.

    Args:
        signal_at: Market time at which the order was asked for.
        fills: Of that order, at least one.
        bars: Minute bars of its symbol, in time order.
    """
    quantity = sum(fill.quantity for fill in fills)
    spent_usd = sum((fill.quantity * fill.price_usd for fill in fills), Decimal(0))
    last_at = max(fill.executed_at for fill in fills)
    return Execution(
        strategy=strategy,
        symbol=fills[0].symbol,
        side=fills[0].side,
        quantity=quantity,
        average_usd=spent_usd / quantity,
        arrival_usd=arrival_price_usd(bars, signal_at),
        interval_vwap_usd=vwap_usd(bars, signal_at, last_at),
    )


def arrival_price_usd(bars: Sequence[Bar], at: datetime) -> Decimal | None:
    """Return the close of the last minute that was complete at a moment; None before the first."""
    complete = bisect_right(bars, at, key=lambda bar: bar.started_at + MINUTE)
    return bars[complete - 1].close_usd if complete else None


def vwap_usd(bars: Sequence[Bar], starts: datetime, ends: datetime) -> Decimal | None:
    """Return the volume-weighted price of every minute that a span touches; None without volume."""
    touched = [bar for bar in bars if bar.started_at <= ends and bar.started_at + MINUTE > starts]
    volume = sum(bar.volume for bar in touched)
    if not volume:
        return None
    traded_usd = sum(
        ((bar.high_usd + bar.low_usd + bar.close_usd) * bar.volume for bar in touched), Decimal(0)
    )
    return traded_usd / 3 / volume


def arrival_cost(executions: Sequence[Execution]) -> ExecutionCost:
    """Return what orders paid against their arrival prices."""
    known = [one for one in executions if one.arrival_usd is not None]
    return _cost([(one, one.arrival_usd, one.arrival_cost_usd) for one in known])


def vwap_cost(executions: Sequence[Execution]) -> ExecutionCost:
    """Return what orders paid against the VWAP of their intervals."""
    known = [one for one in executions if one.interval_vwap_usd is not None]
    return _cost([(one, one.interval_vwap_usd, one.vwap_cost_usd) for one in known])


def _cost(
    measured: Sequence[tuple[Execution, Decimal | None, Decimal | None]],
) -> ExecutionCost:
    zero = Decimal(0)
    return ExecutionCost(
        orders=len(measured),
        cost_usd=sum((cost_usd or zero for _, _, cost_usd in measured), zero),
        yardstick_notional_usd=sum(
            (one.quantity * (yardstick_usd or zero) for one, yardstick_usd, _ in measured), zero
        ),
    )
