"""The words Alpaca uses of an order."""

from enum import StrEnum


class OrderKind(StrEnum):
    """How an order is priced."""

    MARKET = "market"
    LIMIT = "limit"
    STOP = "stop"
    STOP_LIMIT = "stop_limit"
    TRAILING_STOP = "trailing_stop"


class Duration(StrEnum):
    """How long an order may rest: its time in force."""

    DAY = "day"
    GTC = "gtc"
    OPG = "opg"
    CLS = "cls"
    IOC = "ioc"
    FOK = "fok"


class OrderClass(StrEnum):
    """Whether orders come alone or tied to each other."""

    SIMPLE = "simple"
    BRACKET = "bracket"
    OCO = "oco"
    OTO = "oto"


class Role(StrEnum):
    """Which part an order plays in its group."""

    TAKE_PROFIT = "take_profit"
    STOP_LOSS = "stop_loss"


class Status(StrEnum):
    """Where an order stands. `HELD`: it waits for another order of its group."""

    NEW = "new"
    HELD = "held"
    PARTIALLY_FILLED = "partially_filled"
    FILLED = "filled"
    CANCELED = "canceled"
    EXPIRED = "expired"
    REPLACED = "replaced"

    @property
    def is_final(self) -> bool:
        """Whether nothing can happen to the order any more."""
        return self in _FINAL


STOPS = frozenset({OrderKind.STOP, OrderKind.STOP_LIMIT, OrderKind.TRAILING_STOP})
AT_ONCE = frozenset({Duration.IOC, Duration.FOK, Duration.OPG, Duration.CLS})
_FINAL = frozenset({Status.FILLED, Status.CANCELED, Status.EXPIRED, Status.REPLACED})
