"""Fills as columns: one array a field, integers in small units, so that a million fit and compare.

Money and shares are integers here as they are in the engine: exact, and with nothing to round.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, fields
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

# The finest steps there are: a broker's part of a share, and a price's or a fee's part of a dollar.
SHARE_PARTS = 1_000_000_000
DOLLAR_PARTS = 1_000_000

Texts = NDArray[np.bytes_]
Integers = NDArray[np.int64]

Made = TypeVar("Made")

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_FIRST_DAY = _EPOCH.date()
_MICROSECOND = timedelta(microseconds=1)


class FillRow(NamedTuple):
    """One fill as either side tells it.

    Attributes:
        order_id: Ours, the client order id.
        signed_shares: Gained, or given when negative.
        fee_usd: Paid for it.
        trading_date: The day whose books it is in.
    """

    account: str
    symbol: str
    execution_id: str
    order_id: str
    signed_shares: Decimal
    price_usd: Decimal
    fee_usd: Decimal
    executed_at: datetime
    trading_date: date


@dataclass(frozen=True, slots=True, eq=False)
class FillColumns:
    """Fills, a column a field, all of one length.

    Attributes:
        shares: Signed, in billionths of a share.
        price: In millionths of a dollar.
        fee: In millionths of a dollar.
        executed_at: Microseconds since 1970 (UTC).
        day: Days since 1970 of the trading date.
    """

    account: Texts
    symbol: Texts
    execution_id: Texts
    order_id: Texts
    shares: Integers
    price: Integers
    fee: Integers
    executed_at: Integers
    day: Integers

    def __len__(self) -> int:
        return len(self.shares)

    @classmethod
    def of(cls, rows: Iterable[FillRow]) -> "FillColumns":
        """Return the columns of rows.

        Raises:
            ValueError: A number is finer than its unit, or too large for it.
        """
        told = list(rows)
        text = {
            name: np.array([getattr(row, name).encode() for row in told] or [b""], np.bytes_)
            for name in ("account", "symbol", "execution_id", "order_id")
        }
        return cls(
            **{name: column[: len(told)] for name, column in text.items()},
            shares=_integers(_parts(row.signed_shares, SHARE_PARTS) for row in told),
            price=_integers(_parts(row.price_usd, DOLLAR_PARTS) for row in told),
            fee=_integers(_parts(row.fee_usd, DOLLAR_PARTS) for row in told),
            executed_at=_integers((row.executed_at - _EPOCH) // _MICROSECOND for row in told),
            day=_integers((row.trading_date - _FIRST_DAY).days for row in told),
        )

    def row(self, index: int) -> FillRow:
        """Return one fill."""
        return self.rows(np.array([index], np.intp))[0]

    def rows(self, indices: NDArray[np.intp]) -> list[FillRow]:
        """Return several fills, in the order asked for.

        A column at a time, and what many fills share is made once: a tenth of a million rows are
        made of every million compared.
        """
        return list(
            map(
                FillRow,
                _words(self.account[indices]),
                _words(self.symbol[indices]),
                _words(self.execution_id[indices]),
                _words(self.order_id[indices]),
                _wholes(self.shares[indices], SHARE_PARTS),
                _wholes(self.price[indices], DOLLAR_PARTS),
                _wholes(self.fee[indices], DOLLAR_PARTS),
                [_EPOCH + timedelta(microseconds=at) for at in self.executed_at[indices].tolist()],
                _each(self.day[indices], lambda day: _FIRST_DAY + timedelta(days=day)),
            )
        )

    def taken(self, indices: NDArray[np.intp]) -> "FillColumns":
        """Return the columns of some rows only."""
        return FillColumns(**{one.name: getattr(self, one.name)[indices] for one in fields(self)})


def _parts(amount: Decimal, parts: int) -> int:
    counted = amount * parts
    if counted != counted.to_integral_value():
        raise ValueError(f"amount: expected a multiple of 1/{parts}, was {amount}")
    return int(counted)


def _words(column: Texts) -> list[str]:
    return [word.decode() for word in column.tolist()]


def _wholes(column: Integers, parts: int) -> list[Decimal]:
    return _each(column, lambda counted: Decimal(counted) / parts)


def _each(column: Integers, made: Callable[[int], Made]) -> list[Made]:
    """Return what is made of each number; of equal numbers it is made once."""
    numbers = column.tolist()
    known = {number: made(number) for number in set(numbers)}
    return [known[number] for number in numbers]


def _integers(numbers: Iterable[int]) -> Integers:
    try:
        return np.fromiter(numbers, np.int64)
    except OverflowError as error:
        raise ValueError(f"amount: expected one that fits into 64 bits: {error}") from error
