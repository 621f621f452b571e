"""Why an order did not leave: the desk's own gate held it back, or something failed.

The first is the gate at work: a strategy asked for more than it may have, or while trading was
stopped. The second is a failed order: the exchange refused it, or it could not be written down or
checked. A reason that is not known here is taken for a failure.
"""

from trading_core.domain.modes import Mode

_BY_LIMITS = frozenset(
    {
        *("ORDER_QUANTITY", "ORDER_NOTIONAL", "OPEN_ORDERS", "PRICE_COLLAR"),
        *("POSITION_QUANTITY", "POSITION_NOTIONAL", "POSITION_CONCENTRATION", "POSITION_LOSS"),
        *("GROSS_EXPOSURE", "NET_EXPOSURE", "SHORT_EXPOSURE", "SHORT_LOCATE", "LEVERAGE"),
        *("BUYING_POWER", "DAILY_LOSS", "RATE", "DUPLICATE_ORDER"),
    }
)
_BY_SWITCH = frozenset(
    {
        *("BREAKER_OPEN", "TRADING_DISABLED"),
        *(mode.value.upper() for mode in Mode if mode is not Mode.RUNNING),
    }
)


def is_by_our_gate(reason: str) -> bool:
    """Whether an order was held back by the desk's limits or by its trading switch.

    Args:
        reason: The refusal's code, alone or with its sentence after a colon.
    """
    return reason.partition(":")[0].strip() in _BY_LIMITS | _BY_SWITCH
