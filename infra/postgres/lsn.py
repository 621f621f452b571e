"""Positions in the write-ahead log: a number of bytes, written by PostgreSQL as two hex halves."""

from trading_core.errors import InvariantViolated


def position(text: str) -> int:
    """Return the position that PostgreSQL writes as `text`, for example 0/3000148.

    Raises:
        InvariantViolated: It is no position.
    """
    high, _, low = text.partition("/")
    try:
        return (int(high, 16) << 32) + int(low, 16)
    except ValueError:
        raise InvariantViolated(
            f"position in the log: expected two hex numbers like 0/3000148, was {text!r}",
            next_step="find out who wrote it: PostgreSQL did not",
        ) from None


def written(position: int) -> str:
    """Return a position as PostgreSQL writes it."""
    return f"{position >> 32:X}/{position & 0xFFFFFFFF:X}"
