"""Taking back every open order, and looking again until none is there."""

from dataclasses import dataclass

import structlog

from trading_core.broker.contract import TradingApi
from trading_core.clock import poll, seconds
from trading_core.errors import CheckFailed, TradingError
from trading_core.execution.switch import TradingSwitch

log = structlog.get_logger(__name__)

_IN_FLIGHT_WITHIN = seconds(1)
_NONE_OPEN_WITHIN = seconds(2)


@dataclass(frozen=True, slots=True)
class Swept:
    """What cancelling everything came to.

    Attributes:
        open_orders: How many the exchange still has, having been asked again; None: unknown.
        problem: Why it is not known, in words.
    """

    cancelled: int
    open_orders: int | None
    problem: str = ""


def sweep(broker: TradingApi, switch: TradingSwitch) -> Swept:
    """Cancel every open order of the account. Reports what could not be done, never raises.

    An order on its way when trading was stopped is waited for, and taken back too.
    """
    cancelled = 0

    def none_open() -> bool:
        nonlocal cancelled
        if not broker.orders("open"):
            return True
        cancelled += broker.cancel_all()
        return False

    try:
        cancelled = broker.cancel_all()
        switch.wait_until_none_is_sent(_IN_FLIGHT_WITHIN)
        poll(none_open, within=_NONE_OPEN_WITHIN, every=seconds(0.02))
        return Swept(cancelled, len(broker.orders("open")))
    except CheckFailed as error:
        # No session is open, so nothing can be.
        return Swept(cancelled, 0, str(error))
    except TradingError as error:
        log.error("open orders not cancelled", error=str(error))
        return Swept(cancelled, None, str(error))
