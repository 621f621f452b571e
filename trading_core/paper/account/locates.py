"""Shares that were found to borrow, so that they may be sold short."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Locate:
    """Shares of one symbol that may be sold short until the day's end.

    Attributes:
        key: The client's, under which asking again finds this one; empty: it gave none.
    """

    id: str
    symbol: str
    shares: int
    at: datetime
    key: str = ""
