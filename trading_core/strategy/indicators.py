"""Indicators over closing prices, exact or at a fixed precision: the same bars give the same
values on every machine.

A simple moving average is kept as an integer sum of ticks, so averages of different lengths are
compared without dividing. The relative strength index is Wilder's own, smoothing and all.
"""

from collections import deque
from decimal import Context, Decimal

_HUNDRED = Decimal(100)
# Its own context: the process-wide one can be changed by anybody, and rounding decides signals.
_WILDER = Context(prec=34)


class RollingSum:
    """The sum of the last `length` closing prices, in ticks."""

    def __init__(self, length: int) -> None:
        self._prices_ticks: deque[int] = deque(maxlen=length)
        self.length = length
        self.sum_ticks = 0

    def add(self, close_ticks: int) -> None:
        """Take in one closing price; the oldest leaves once there are more than `length`."""
        if self.is_full:
            self.sum_ticks -= self._prices_ticks[0]
        self._prices_ticks.append(close_ticks)
        self.sum_ticks += close_ticks

    @property
    def is_full(self) -> bool:
        """Whether `length` prices have been seen."""
        return len(self._prices_ticks) == self.length


class WilderRsi:
    """Relative strength index over `period` changes of the closing price.

    The first averages are plain means of `period` gains and losses; each later one keeps
    (period - 1) / period of the one before. RSI = 100 x gain / (gain + loss), which is Wilder's
    100 - 100 / (1 + gain / loss) without the division by zero; a price that never moved has 50.

    Source: J. Welles Wilder, New Concepts in Technical Trading Systems (1978), section VI.
    """

    def __init__(self, period: int) -> None:
        self._period = Decimal(period)
        self._last_close_ticks: int | None = None
        self._changes_seen = 0
        # `period` times the averages: so the first ones are exact, and only smoothing rounds.
        self._gains = Decimal(0)
        self._losses = Decimal(0)

    def add(self, close_ticks: int) -> Decimal | None:
        """Take in one closing price.

        Returns:
            The index, 0 to 100; None until `period` changes have been seen.
        """
        last, self._last_close_ticks = self._last_close_ticks, close_ticks
        if last is None:
            return None
        change_ticks = close_ticks - last
        self._gains = self._smoothed(self._gains, max(change_ticks, 0))
        self._losses = self._smoothed(self._losses, max(-change_ticks, 0))
        self._changes_seen += 1
        return self._index() if self._changes_seen >= self._period else None

    def _smoothed(self, total: Decimal, change_ticks: int) -> Decimal:
        kept = total
        if self._changes_seen >= self._period:
            kept = _WILDER.divide(_WILDER.multiply(total, self._period - 1), self._period)
        return _WILDER.add(kept, change_ticks)

    def _index(self) -> Decimal:
        movement = _WILDER.add(self._gains, self._losses)
        if movement == 0:
            return _HUNDRED / 2
        return _WILDER.divide(_WILDER.multiply(_HUNDRED, self._gains), movement)
