"""Whether the desk may trade: one record with who, when and why (SYS-16)."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from trading_core.domain.modes import ALLOWS, Act, Mode

__all__ = ["Act", "Breaker", "Mode", "TradingState"]

_ORDERS = (Act.STRATEGY_ORDER, Act.MANUAL_ORDER)


class Breaker(StrEnum):
    """The circuit breaker. OPEN means tripped: no new orders. It never closes by itself."""

    CLOSED = "CLOSED"
    OPEN = "OPEN"


@dataclass(frozen=True, slots=True)
class TradingState:
    """The latest word on trading.

    Attributes:
        trading_enabled: Whether new orders may be sent. False unless a runbook enabled it.
        fence: The highest fencing token a state change carried; lower ones are refused.
    """

    mode: Mode
    trading_enabled: bool
    breaker: Breaker
    reason: str
    actor: str
    changed_at: datetime
    fence: int

    def permits(self, act: Act) -> bool:
        """Whether something may be done; an order needs more than its mode's word."""
        if act in _ORDERS and not (self.trading_enabled and self.breaker is Breaker.CLOSED):
            return False
        return act in ALLOWS[self.mode]

    @property
    def accepts_orders(self) -> bool:
        """Whether a strategy's new order may leave for the exchange."""
        return self.permits(Act.STRATEGY_ORDER)

    @property
    def is_stopped(self) -> bool:
        """Whether the mode lets no order leave, whoever gives it."""
        return self.mode.is_at_least(Mode.HALTED)
