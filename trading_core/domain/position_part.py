"""How much of a position is meant: all of it, a number of shares, or a percentage of them."""

import re
from dataclasses import dataclass
from decimal import Decimal

from trading_core.domain.shares import Shares, size

ALL = "all"
_SHARES = re.compile(r"[0-9]{1,9}")
_PERCENT = re.compile(r"([0-9]{1,9}(?:\.[0-9]{1,9})?) ?%")


@dataclass(frozen=True, slots=True)
class PositionPart:
    """Some of a position, in whole shares.

    Attributes:
        amount: In an operator's words: "all", "3" shares, or "50%", rounded down to whole shares.
    """

    symbol: str
    amount: str = ALL

    @property
    def is_whole(self) -> bool:
        """Whether all of the position is meant."""
        return self._amount == ALL

    def fault(self, held: Shares) -> str:
        """Return why this is no part of `held` shares, long or short; empty when it is one."""
        there = size(held)
        if self.is_whole:
            return ""
        if self._shares is not None:
            right = 0 < self._shares <= there
            return "" if right else f"expected 1 to {int(there)} shares, was {self.amount}"
        if self._percent is None:
            ways = 'one of "all", shares as "3", a percentage as "50%"'
            return f'expected {ways}, was "{self.amount}"'
        if not 0 < self._percent <= 100:
            return f"expected more than 0% and at most 100%, was {self.amount}"
        less = f"expected one share or more, {self.amount} of {there} is less"
        return "" if self._going(there) else less

    def kept(self, held: Shares) -> Shares:
        """Return how many of `held` shares stay, long or short alike; only where it has no fault.

        Raises:
            ValueError: It has.
        """
        if fault := self.fault(held):
            raise ValueError(f"{self.symbol}: {fault}")
        return size(held) - self._going(size(held))

    def _going(self, there: Shares) -> Shares:
        if self._shares is not None:
            return self._shares
        return there if self._percent is None else int(there * self._percent / 100)

    @property
    def _amount(self) -> str:
        return self.amount.strip().lower()

    @property
    def _shares(self) -> int | None:
        return int(self._amount) if _SHARES.fullmatch(self._amount) else None

    @property
    def _percent(self) -> Decimal | None:
        found = _PERCENT.fullmatch(self._amount)
        return Decimal(found[1]) if found else None
