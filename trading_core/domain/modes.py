"""What the system is doing as a whole, and what each mode allows (SYS-16).

Looking is always allowed, and so is what protects: halting, the breaker, taking orders back,
getting out of the market, ending tokens. The rest is the table below. The modes are ordered: each
allows no more than the one before it.
"""

from collections.abc import Mapping
from enum import StrEnum


class Act(StrEnum):
    """Something a mode may forbid."""

    STRATEGY_ORDER = "strategy_order"
    MANUAL_ORDER = "manual_order"
    RESUME = "resume"
    CONFIGURE = "configure"


class Mode(StrEnum):
    """What the system is doing as a whole, the most permissive first.

    running             trading, as far as it is enabled and the breaker is closed
    safe_mode           everything up, no automatic trading: orders by hand alone
    halted              no orders; trading resumes with approval
    maintenance         no orders, no resuming until somebody has left the mode
    read_only           as maintenance, and nothing else is changed either
    emergency_shutdown  as read_only: everything is to come to rest
    """

    RUNNING = "running"
    SAFE_MODE = "safe_mode"
    HALTED = "halted"
    MAINTENANCE = "maintenance"
    READ_ONLY = "read_only"
    EMERGENCY_SHUTDOWN = "emergency_shutdown"

    def is_at_least(self, other: "Mode") -> bool:
        """Whether this mode is as strict as another, or stricter."""
        return _ORDER.index(self) >= _ORDER.index(other)


ALLOWS: Mapping[Mode, frozenset[Act]] = {
    Mode.RUNNING: frozenset(Act),
    Mode.SAFE_MODE: frozenset({Act.MANUAL_ORDER, Act.RESUME, Act.CONFIGURE}),
    Mode.HALTED: frozenset({Act.RESUME, Act.CONFIGURE}),
    Mode.MAINTENANCE: frozenset({Act.CONFIGURE}),
    Mode.READ_ONLY: frozenset(),
    Mode.EMERGENCY_SHUTDOWN: frozenset(),
}
_ORDER = list(Mode)


def stricter_of(one: Mode, other: Mode) -> Mode:
    """Return the mode that allows less."""
    return max(one, other, key=_ORDER.index)
