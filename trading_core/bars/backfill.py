"""Filling gaps from a provider: a trading day at a time, each kept before the next is asked for.

Only missing minutes are added, so doing a day again changes nothing, and a run that was killed goes
on with the days it had not kept. A minute the provider has no bar of is written down as one without
trades, but only where it told other bars of that symbol on that day: a provider that knows nothing
of a day has not said that nothing traded.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import groupby
from typing import Protocol, TypeVar

from trading_core.access.rate import RateLimiter
from trading_core.bars.gaps import Absence, Gap
from trading_core.broker.http import RateLimited
from trading_core.clock import pause, seconds
from trading_core.domain.market import Bar
from trading_core.errors import Unreachable

_T = TypeVar("_T")
_MINUTE = timedelta(minutes=1)
# Longer than a provider's window of a minute: whoever still refuses then means something else.
_WAIT_SECONDS_MAX = 120.0


class History(Protocol):
    """A provider's bars of the past."""

    def bars(self, symbols: Sequence[str], start: datetime, end: datetime) -> list[Bar]:
        """Return the minute bars that started from `start` to `end`, both included."""
        ...


class Keeper(Protocol):
    """Where filled minutes are kept: each call whole, or not at all."""

    def keep(self, bars: Sequence[Bar], absences: Sequence[Absence]) -> int:
        """Add bars and absences; return how many bars were new."""
        ...


@dataclass(frozen=True, slots=True)
class FilledDay:
    """What became of one day's gaps. `unknown` minutes the provider said nothing about."""

    trading_date: date
    added: int
    quiet: int
    unknown: int


class Pace:
    """Asks a provider no more often than agreed, and stays away for as long as it says.

    Args:
        wait: How time is passed.
    """

    def __init__(
        self,
        requests_per_minute: int,
        wait: Callable[[timedelta], None] = pause,
    ) -> None:
        self._requests_per_minute = requests_per_minute
        self._wait = wait
        self._limiter = RateLimiter()

    def __call__(self, ask: Callable[[], _T]) -> _T:
        """Return what `ask` returns; ask again after each 429.

        Raises:
            Unreachable: It went on refusing, or did not answer.
        """
        waited_seconds = 0.0
        while True:
            while delay_seconds := self._limiter.wait_seconds("", self._requests_per_minute):
                self._wait(seconds(delay_seconds))
            try:
                return ask()
            except RateLimited as error:
                waited_seconds += max(error.retry_after_seconds, 0.1)
                if waited_seconds > _WAIT_SECONDS_MAX:
                    raise Unreachable(
                        f"provider: expected an answer within {_WAIT_SECONDS_MAX:g} s of waiting, "
                        "was refused again: too many requests",
                        next_step="ask for fewer symbols, or run this again later",
                    ) from error
                self._wait(seconds(max(error.retry_after_seconds, 0.1)))


def fill(gaps: Iterable[Gap], provider: History, keeper: Keeper) -> list[FilledDay]:
    """Fill gaps, the oldest day first; return what became of each day.

    Raises:
        Unreachable: Provider or keeper do not answer. The days before are kept.
    """
    by_day = sorted(gaps, key=lambda gap: (gap.trading_date, gap.symbol, gap.starts_at))
    return [
        _fill_day(day, list(of_day), provider, keeper)
        for day, of_day in groupby(by_day, key=lambda gap: gap.trading_date)
    ]


def _fill_day(day: date, gaps: list[Gap], provider: History, keeper: Keeper) -> FilledDay:
    symbols = sorted({gap.symbol for gap in gaps})
    # The whole day of these symbols: what surrounds a gap shows that the provider knows the day.
    start, end = _edges(gaps)
    told = provider.bars(symbols, start, end)
    known = {bar.symbol for bar in told}
    wanted = {(gap.symbol, at) for gap in gaps for at in _minutes(gap)}
    bars = [bar for bar in told if (bar.symbol, bar.started_at) in wanted]
    left = wanted - {(bar.symbol, bar.started_at) for bar in bars}
    quiet = [
        Absence(symbol, at, at + _MINUTE, "no trades")
        for symbol, at in sorted(left)
        if symbol in known
    ]
    added = keeper.keep(bars, quiet)
    return FilledDay(day, added, len(quiet), len(left) - len(quiet))


def _edges(gaps: list[Gap]) -> tuple[datetime, datetime]:
    midnight = min(gap.starts_at for gap in gaps).replace(hour=0, minute=0, second=0)
    # New York's session lies within one UTC date.
    return midnight, midnight + timedelta(days=1) - _MINUTE


def _minutes(gap: Gap) -> list[datetime]:
    return [gap.starts_at + step * _MINUTE for step in range(gap.minutes)]
