"""The engine by plain names: the records it reads and writes, and what their numbers mean.

One engine holds many books and many accounts, both numbered from 0. Single orders are methods of
`Engine`; many at once are rows of `MESSAGE` or `COMMAND`. What happened is read with `events`.
The rules, each with an example, are docs/engine.md.
"""

from collections.abc import Iterable, Mapping
from enum import IntEnum, IntFlag
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from trading_core._engine import Engine

__all__ = [
    "COMMAND",
    "EVENT",
    "MESSAGE",
    "Engine",
    "EventKind",
    "Flag",
    "Kind",
    "Limit",
    "Reason",
    "Scope",
    "Side",
    "TimeInForce",
    "apply",
    "events",
]

_HEAD = [
    ("id", "<u8"),
    ("price", "<i8"),
    ("quantity", "<u4"),
    ("symbol", "<u4"),
    ("kind", "u1"),
    ("side", "u1"),
    ("tif", "u1"),
    ("flags", "u1"),
    ("account", "<u4"),
]
# A command that needs no more than this: new order, cancel, modify.
MESSAGE = np.dtype(_HEAD)
# Any command.
COMMAND = np.dtype(
    [
        *_HEAD,
        ("stop", "<i8"),
        ("expires", "<u8"),
        ("display", "<u4"),
        ("self_trade", "u1"),
        ("scope", "u1"),
        ("unused", "V10"),
    ]
)
# What happened. `other` and `fact` are the limit and the finding of a refusal; of a fill, the order
# that rested and what is left of it.
EVENT = np.dtype(
    [
        ("id", "<u8"),
        ("other", "<u8"),
        ("price", "<i8"),
        ("fact", "<i8"),
        ("time", "<u8"),
        ("quantity", "<u4"),
        ("open", "<u4"),
        ("symbol", "<u4"),
        ("account", "<u4"),
        ("other_account", "<u4"),
        ("kind", "u1"),
        ("reason", "u1"),
        ("side", "u1"),
        ("flags", "u1"),
    ]
)


class Kind(IntEnum):
    """What a command is."""

    NEW = 1
    CANCEL = 2
    MODIFY = 3
    MASS_CANCEL = 4
    CLOCK = 5
    SESSION_END = 6
    PHASE = 7
    UNCROSS = 8
    BAND = 9
    COLLAR = 10
    RULES = 11
    HALT = 12
    LIMIT = 13
    BAR = 14


class Side(IntEnum):
    """Which way an order goes."""

    BUY = 0
    SELL = 1


class TimeInForce(IntEnum):
    """How long an order lives."""

    GTC = 0
    IOC = 1
    FOK = 2
    DAY = 3
    GTD = 4


class Flag(IntFlag):
    """What else an order is."""

    POST_ONLY = 1
    MARKET = 2
    STOP = 4
    ICEBERG = 8


class Limit(IntEnum):
    """What a `LIMIT` sets, in its `tif`."""

    ORDER_QUANTITY = 0
    POSITION = 1
    SHORT_LOCATE = 2
    ORDER_NOTIONAL = 3
    GROSS_EXPOSURE = 4
    OPEN_ORDERS = 5
    RATE = 6
    RATE_WINDOW = 7
    CASH = 8
    HELD = 9


class Scope(IntFlag):
    """What a command is limited to; without any, everything."""

    BY_ACCOUNT = 1
    BY_SYMBOL = 2
    BY_SIDE = 4


class EventKind(IntEnum):
    """What an event tells."""

    ACCEPT = 1
    MODIFY = 2
    FILL = 3
    CANCEL = 4
    EXPIRE = 5
    REFUSE = 6
    TRIGGER = 7
    HALT = 8
    PHASE = 9
    UNCROSS = 10
    SET = 11


class Reason(IntEnum):
    """Why a command was refused, or an order ended before its time."""

    NONE = 0
    BAD_KIND = 1
    UNKNOWN_SYMBOL = 2
    UNKNOWN_ACCOUNT = 3
    DUPLICATE_ID = 4
    UNKNOWN_ID = 5
    BAD_QUANTITY = 6
    BAD_FLAGS = 7
    PRICE_RANGE = 8
    OFF_TICK = 9
    OFF_LOT = 10
    PHASE = 11
    PRICE_BAND = 12
    HALTED = 13
    ORDER_QUANTITY = 14
    ORDER_NOTIONAL = 15
    POSITION = 16
    GROSS_EXPOSURE = 17
    OPEN_ORDERS = 18
    PRICE_COLLAR = 19
    RATE = 20
    BUYING_POWER = 21
    SHORT_LOCATE = 22
    OVERFLOW = 23
    WOULD_CROSS = 24
    FOK_KILLED = 25
    CAPACITY = 26
    SELF_TRADE = 27
    BAD_VALUE = 28


def events(engine: Engine) -> NDArray[np.void]:
    """Take what happened since the last time: an array of `EVENT`, not copied, the caller's."""
    return engine.take_events(EVENT)


def apply(engine: Engine, rows: NDArray[np.void] | Iterable[dict[str, Any]]) -> int:
    """Carry out rows of `MESSAGE` or `COMMAND`; return how many were before events must be read.

    Raises:
        TypeError: The array's fields are others; the first that differs is named.
        ValueError: A row given as a mapping has a field there is not, or a value that does not fit
            it; row and field are named.
    """
    if not isinstance(rows, np.ndarray):
        rows = _packed(list(rows))
    for wanted in (MESSAGE, COMMAND):
        if rows.dtype == wanted:
            return engine.apply(cast("bytes", rows))
    nearest = MESSAGE if rows.dtype.itemsize == MESSAGE.itemsize else COMMAND
    raise TypeError(f"rows: expected {_first_difference(nearest, rows.dtype)}")


def _packed(rows: list[dict[str, Any]]) -> NDArray[np.void]:
    packed = np.zeros(len(rows), COMMAND)
    try:
        for field in {name for row in rows for name in row}:
            packed[field] = [row.get(field, 0) for row in rows]
    except (ValueError, OverflowError, TypeError):
        return _packed_one_by_one(rows)
    return packed


def _packed_one_by_one(rows: list[dict[str, Any]]) -> NDArray[np.void]:
    """Pack what cannot be packed by columns: finds the row and the field that do not fit."""
    packed = np.zeros(len(rows), COMMAND)
    for number, row in enumerate(rows):
        for field, value in row.items():
            try:
                packed[number][field] = value
            except (ValueError, OverflowError, TypeError) as error:
                raise ValueError(f"row {number}, field {field}: {error}, was {value!r}") from error
    return packed


def _first_difference(wanted: np.dtype[np.void], found: np.dtype[Any]) -> str:
    fields: Mapping[str, Any] = found.fields or {}
    places: Mapping[str, Any] = wanted.fields or {}
    for name in wanted.names or ():
        expected = places[name]
        if name not in fields:
            return f"field {name} of {expected[0]}, was none"
        if fields[name][:2] != expected[:2]:
            place = f"{expected[0]} at byte {expected[1]}"
            return f"field {name} as {place}, was {fields[name][0]} at {fields[name][1]}"
    return f"rows of {wanted.itemsize} bytes, were of {found.itemsize}"
