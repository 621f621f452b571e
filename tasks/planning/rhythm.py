"""When something runs by itself: at a bell of the exchange, by the clock, or all day and night.

Times are New York's. What hangs on the session is planned every day from the exchange calendar by
the runbook plan-session; so is what hangs on the clock of the day, which is right on the two days
on which the clocks change as well. Only what runs round the clock is a cron line of Prefect's.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, time, timedelta
from enum import StrEnum


class Bell(StrEnum):
    """What a run of a trading day is timed by."""

    OPEN = "open"
    CLOSE = "close"


@dataclass(frozen=True, slots=True)
class AtBell:
    """On trading days, so long after a bell; before it, when negative.

    Attributes:
        every: Again after each such time, until the close.
        again: Again so long after the bell, in rising order, as far as it is before the close.
    """

    bell: Bell
    offset: timedelta = timedelta(0)
    every: timedelta | None = None
    again: tuple[timedelta, ...] = ()

    def __str__(self) -> str:
        if self.every is not None:
            return f"every {in_words(self.every)} from {self._point()} to the close"
        if self.again:
            *times, last = [f"{int(one.total_seconds()) // 60}" for one in self.again]
            after = f"{', '.join(times)} and {last}" if times else last
            return f"{self._point()}, again {after} min after it"
        return self._point()

    def offsets(self, length: timedelta) -> Iterator[timedelta]:
        """Yield how long after the bell it runs, each time.

        Args:
            length: From the bell to the close: what repeats ends before it.
        """
        yield self.offset
        yield from (one for one in self.again if one < length)
        following = self.offset + self.every if self.every is not None else length
        while self.every is not None and following < length:
            yield following
            following += self.every

    def _point(self) -> str:
        if not self.offset:
            return f"at the {self.bell}"
        side = "before" if self.offset < timedelta(0) else "after"
        return f"{in_words(abs(self.offset))} {side} the {self.bell}"


@dataclass(frozen=True, slots=True)
class Days:
    """Some days of the calendar.

    Attributes:
        sessions_only: Whether only those of them count on which the exchange trades.
    """

    says: str
    has: Callable[[date], bool]
    sessions_only: bool = False


DAILY = Days("every day", lambda _: True)
TRADING_DAYS = Days("on trading days", lambda _: True, sessions_only=True)
SATURDAYS = Days("on Saturdays", lambda day: day.weekday() == 5)
SUNDAYS = Days("on Sundays", lambda day: day.weekday() == 6)
MONTHLY = Days("on the first of the month", lambda day: day.day == 1)
MONDAYS = Days("on Mondays", lambda day: day.weekday() == 0)
QUARTERLY = Days(
    "on the first Saturday of a quarter",
    lambda day: day.weekday() == 5 and day.day <= 7 and day.month in (1, 4, 7, 10),
)


@dataclass(frozen=True, slots=True)
class OnClock:
    """At a wall time of New York; never between 01:00 and 03:00, which come twice or not at all."""

    at: time
    days: Days = DAILY

    def __str__(self) -> str:
        return f"{self.at:%H:%M} {self.days.says}"


@dataclass(frozen=True, slots=True)
class RoundTheClock:
    """A cron line in New York time, fired by Prefect's server itself."""

    cron: str
    says: str

    def __str__(self) -> str:
        return self.says


Rhythm = AtBell | OnClock | RoundTheClock


def in_words(span: timedelta) -> str:
    """Return a span of whole minutes as people say it."""
    minutes = int(span.total_seconds()) // 60
    return f"{minutes // 60} h" if minutes >= 120 and minutes % 60 == 0 else f"{minutes} min"
