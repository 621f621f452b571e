"""The minutes in which a bar may be expected: those of the exchange's own trading hours.

Half days end when they end, holidays have none, extended hours are left out. Minutes are counted
from the epoch, so that a year of them is a small array and looking one up is an index.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Integers = NDArray[np.int64]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MINUTE = timedelta(minutes=1)


class TradingHours(Protocol):
    """One session of the exchange; its minutes are from `opens_at` to before `closes_at`."""

    @property
    def date(self) -> date:
        """The trading day."""
        ...

    @property
    def opens_at(self) -> datetime:
        """The first instant of trading."""
        ...

    @property
    def closes_at(self) -> datetime:
        """The instant at which trading is over."""
        ...


@dataclass(frozen=True, slots=True)
class Grid:
    """Every expected minute of some sessions, in order.

    Attributes:
        minutes: Minutes since the epoch, ascending.
        session: For each of them, which session it belongs to, counted from 0.
        dates: The trading day of each session.
    """

    minutes: Integers
    session: Integers
    dates: tuple[date, ...]
    _place: Integers

    @classmethod
    def of(cls, sessions: Iterable[TradingHours], until: datetime | None = None) -> "Grid":
        """Return the grid of sessions in time order.

        Args:
            until: Minutes that have not ended by then are not expected yet; None: all are.
        """
        known = list(sessions)
        limit = None if until is None else minute_of(until)
        spans = []
        for one in known:
            last = minute_of(one.closes_at)
            end = last if limit is None else min(last, limit)
            spans.append(np.arange(minute_of(one.opens_at), end, dtype=np.int64))
        minutes = np.concatenate(spans) if spans else np.empty(0, np.int64)
        session = np.repeat(np.arange(len(spans)), [len(span) for span in spans]).astype(np.int64)
        place = np.empty(0, np.int64)
        if minutes.size:
            place = np.full(minutes[-1] - minutes[0] + 1, -1, np.int64)
            place[minutes - minutes[0]] = np.arange(minutes.size)
        return cls(minutes, session, tuple(one.date for one in known), place)

    def places(self, minutes: Integers) -> Integers:
        """Return where in the grid each minute is; -1 where none is expected."""
        if not self.minutes.size:
            return np.full(minutes.shape, -1, np.int64)
        offset = minutes - self.minutes[0]
        inside = (offset >= 0) & (offset < self._place.size)
        found = self._place[np.where(inside, offset, 0)]
        found[~inside] = -1
        return found

    def span(self, start: datetime, end: datetime) -> slice:
        """Return the part of the grid from `start` to before `end`."""
        edges = (minute_of(start), -(-int((end - _EPOCH).total_seconds()) // 60))
        first, last = np.searchsorted(self.minutes, edges)
        return slice(int(first), int(last))


def minute_of(moment: datetime) -> int:
    """Return the minute since the epoch that an aware moment falls into."""
    return (moment - _EPOCH) // _MINUTE


def moment_of(minute: int) -> datetime:
    """Return the first instant of a minute since the epoch, UTC."""
    return _EPOCH + int(minute) * _MINUTE
