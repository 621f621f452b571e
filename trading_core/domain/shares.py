"""Numbers of shares: whole ones are `int`, and only a part of a share makes a `Decimal`.

The desk orders whole shares. What it holds may still have parts: somebody bought some by hand, or a
reverse split left them.
"""

from decimal import ROUND_CEILING, Decimal
from typing import TypeAlias

Shares: TypeAlias = int | Decimal


def shares(value: Decimal | int | str) -> Shares:
    """Return a number of shares, whole where it is.

    Raises:
        ValueError: It is no number.
    """
    if isinstance(value, int):
        return value
    try:
        count = Decimal(value)
        whole = int(count)
    except ArithmeticError as error:
        raise ValueError(f"shares: expected a number, was {value!r}") from error
    return whole if whole == count else count


def size(count: Shares) -> Shares:
    """Return how many shares there are, long or short."""
    return count if count >= 0 else -count


def at_most(count: Shares) -> int:
    """Return whole shares, a part of one counted as one, in the direction held."""
    if isinstance(count, int):
        return count
    whole = int(Decimal(size(count)).to_integral_value(ROUND_CEILING))
    return whole if count >= 0 else -whole
