"""The desk's rules beside the engine's: shares of equity, exposure, buying power, repetition.

Each is one comparison over all of the account's positions and open orders. A position counts at
what it cost, as in the engine; an open order counts as if it were filled.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal

from trading_core.domain.orders import Order, OrderRequest, Side
from trading_core.domain.positions import Position
from trading_core.risk.context import OrderContext
from trading_core.risk.limits import RiskLimits

_SIGN = {Side.BUY: 1, Side.SELL: -1}

Broken = tuple[str, str]


def broken_rule(
    limits: RiskLimits, order: OrderRequest, context: OrderContext, shares_after: int
) -> Broken | None:
    """Return the first rule that forbids an order, as code and fact; None: none does.

    Args:
        shares_after: Held on the order's side once it and the open ones of this side are filled;
            0 or less when it only reduces. A desk over its limits must be able to get out.
    """
    asked = _Asked(limits, order, context, shares_after)
    return next(asked.broken(), None)


@dataclass(frozen=True, slots=True)
class _Asked:
    limits: RiskLimits
    order: OrderRequest
    context: OrderContext
    shares_after: int

    def broken(self) -> Iterator[Broken]:
        yield from self._repeats()
        if self.shares_after <= 0:
            return
        yield from self._loses()
        yield from self._exposes()
        if self.limits.needs_equity:
            yield from self._shares_of_equity()
        yield from self._overdraws()

    def _repeats(self) -> Iterator[Broken]:
        most, before = self.limits.identical_orders_per_minute_max, self.context.identical_in_minute
        if before >= most:
            yield "DUPLICATE_ORDER", f"at most {most} alike a minute, was one after {before}"

    def _loses(self) -> Iterator[Broken]:
        most_usd, held = self.limits.position_loss_usd_max, self._held()
        if most_usd is None or held is None or held.quantity * self._sign <= 0:
            return
        loss_usd = -held.unrealized_pnl_usd(self.context.reference_price_usd)
        if loss_usd >= most_usd:
            yield "POSITION_LOSS", f"a loss below ${most_usd}, was ${loss_usd}"

    def _exposes(self) -> Iterator[Broken]:
        net_usd = self._net_usd()
        if net_usd > self.limits.net_exposure_usd_max:
            most_usd = self.limits.net_exposure_usd_max
            yield "NET_EXPOSURE", f"at most ${most_usd}, was ${net_usd}"
        short_usd = self._short_usd()
        if short_usd > self.limits.short_exposure_usd_max:
            most_usd = self.limits.short_exposure_usd_max
            yield "SHORT_EXPOSURE", f"at most ${most_usd}, was ${short_usd}"

    def _shares_of_equity(self) -> Iterator[Broken]:
        equity_usd = self.context.equity_usd
        if equity_usd is None:
            yield "EQUITY_UNKNOWN", "the account's equity to be known, was not"
            return
        held_usd, share = (
            self.shares_after * self._price_usd,
            self.limits.position_concentration_max,
        )
        if share is not None and held_usd > share * equity_usd:
            fact = f"at most {share} of equity ${equity_usd}, was ${held_usd}"
            yield "POSITION_CONCENTRATION", fact
        gross_usd, times = self._gross_usd(), self.limits.leverage_max
        if times is not None and gross_usd > times * equity_usd:
            yield "LEVERAGE", f"at most {times} times equity ${equity_usd}, was ${gross_usd}"

    def _overdraws(self) -> Iterator[Broken]:
        reserve_usd = self.limits.buying_power_usd_reserve
        if reserve_usd is None:
            return
        power_usd = self.context.buying_power_usd
        if power_usd is None:
            yield "BUYING_POWER_UNKNOWN", "the account's buying power to be known, was not"
        elif power_usd - self._value_usd < reserve_usd:
            left_usd = power_usd - self._value_usd
            yield "BUYING_POWER", f"at least ${reserve_usd} left, would be ${left_usd}"

    @property
    def _sign(self) -> int:
        return _SIGN[self.order.side]

    @property
    def _price_usd(self) -> Decimal:
        return self.order.limit_price_usd or self.context.reference_price_usd

    @property
    def _value_usd(self) -> Decimal:
        return self.order.quantity * self._price_usd

    def _held(self) -> Position | None:
        held = (one for one in self.context.positions if one.symbol == self.order.symbol)
        return next(held, None)

    def _net_usd(self) -> Decimal:
        """What the desk would be long (or short, of a sale) if only this side were filled."""
        held_usd = sum((one.cost_basis_usd for one in self.context.positions), Decimal(0))
        same_side = [one for one in self.context.open_orders if one.request.side is self.order.side]
        return self._sign * held_usd + self._open_usd(same_side) + self._value_usd

    def _short_usd(self) -> Decimal:
        if self.order.side is Side.BUY:
            return Decimal(0)
        elsewhere_usd = sum(
            (
                -one.cost_basis_usd
                for one in self.context.positions
                if one.quantity < 0 and one.symbol != self.order.symbol
            ),
            Decimal(0),
        )
        return elsewhere_usd + self.shares_after * self._price_usd

    def _gross_usd(self) -> Decimal:
        held_usd = sum((abs(one.cost_basis_usd) for one in self.context.positions), Decimal(0))
        return held_usd + self._open_usd(self.context.open_orders) + self._value_usd

    def _open_usd(self, orders: Sequence[Order]) -> Decimal:
        return sum(
            (one.remaining_quantity * self._open_price_usd(one) for one in orders), Decimal(0)
        )

    def _open_price_usd(self, other: Order) -> Decimal:
        if other.request.limit_price_usd is not None:
            return other.request.limit_price_usd
        same = other.request.symbol == self.order.symbol
        return self.context.reference_price_usd if same else Decimal(0)
