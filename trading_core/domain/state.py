"""Whether the desk may trade: one record with who, when and why (SYS-16)."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class Mode(StrEnum):
    """What the system is doing as a whole."""

    RUNNING = "running"
    HALTED = "halted"


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

    @property
    def accepts_orders(self) -> bool:
        """Whether a new order may leave for the exchange."""
        return self.trading_enabled and self.mode is Mode.RUNNING and self.breaker is Breaker.CLOSED
