"""The pre-trade gate in dollars: the engine's check, asked and answered in the desk's words."""

from dataclasses import dataclass
from decimal import Decimal

from trading_core import _engine
from trading_core.clock import stopwatch_seconds
from trading_core.domain.money import TICKS_PER_DOLLAR, to_ticks
from trading_core.domain.orders import OrderRequest
from trading_core.risk.limits import RiskLimits


@dataclass(frozen=True, slots=True)
class OrderContext:
    """What an order is held against.

    Attributes:
        reference_price_usd: What a share trades at now on the order's side.
        exposure_quantity: Shares held, and those that open orders of the same side may still add:
            what the position would be at worst before this order. Negative when short.
        day_pnl_usd: Profit of the day over all symbols.
    """

    reference_price_usd: Decimal
    exposure_quantity: int
    day_pnl_usd: Decimal


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the gate said. `code` is empty when the order may leave.

    Attributes:
        sentence: The rule, the limit and what was found.
        check_ns: Time the engine took, in nanoseconds.
    """

    code: str
    sentence: str
    check_ns: int

    @property
    def passed(self) -> bool:
        """Whether the order may leave."""
        return not self.code


class Gate:
    """The desk's limits, applied to one order at a time. It remembers nothing."""

    def __init__(self, limits: RiskLimits) -> None:
        self._gate = _engine.RiskGate(limits.engine_limits())

    def check(self, order: OrderRequest, context: OrderContext) -> Verdict:
        """Return the first reason why `order` may not leave, or that it may.

        A price that no engine could hold (finer than a tick, not above zero) is a refusal too.
        """
        try:
            limit_ticks = None if order.limit_price_usd is None else to_ticks(order.limit_price_usd)
            began_seconds = stopwatch_seconds()
            refusal = self._gate.check(
                order.side,
                order.quantity,
                limit_ticks,
                _nearest_ticks(context.reference_price_usd),
                context.exposure_quantity,
                _nearest_ticks(context.day_pnl_usd),
            )
        except (ValueError, OverflowError) as error:
            return Verdict("UNCHECKABLE", str(error), 0)
        check_ns = int((stopwatch_seconds() - began_seconds) * 1_000_000_000)
        if refusal is None:
            return Verdict("", "within every limit", check_ns)
        return Verdict(refusal.code, str(refusal), check_ns)


def _nearest_ticks(amount_usd: Decimal) -> int:
    return int((amount_usd * TICKS_PER_DOLLAR).to_integral_value())
