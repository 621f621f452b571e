"""Gaps are filled from a provider once, a day at a time, and no more often than allowed."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fakes.market_provider import FakeProvider
from tests.trading_core.bars.market import MONDAY, TUESDAY, grid_of
from trading_core.bars.backfill import Pace, fill
from trading_core.bars.columns import frame_of, minutes_of, symbol_numbers
from trading_core.bars.gaps import Absence, Gap, find_gaps
from trading_core.bars.grid import moment_of
from trading_core.broker.http import RateLimited
from trading_core.domain.market import Bar
from trading_core.errors import Unreachable

GRID = grid_of(MONDAY, TUESDAY)
SYMBOLS = ("AIG", "SPY")
PLACES = st.sets(st.tuples(st.sampled_from(SYMBOLS), st.integers(0, 779)), max_size=30)


class Killed(BaseException):
    """What a SIGKILL is to the code under it: no handler runs."""


@dataclass
class Shelf:
    """Kept bars and absences; dies when it is to keep something for the `dies_at`-th time."""

    bars: dict[tuple[str, datetime], Bar] = field(default_factory=dict)
    absences: list[Absence] = field(default_factory=list)
    dies_at: int = 0
    kept: int = 0

    def keep(self, bars: Sequence[Bar], absences: Sequence[Absence]) -> int:
        self.kept += 1
        if self.kept == self.dies_at:
            raise Killed
        self.absences += absences
        new = [bar for bar in bars if (bar.symbol, bar.started_at) not in self.bars]
        self.bars |= {(bar.symbol, bar.started_at): bar for bar in bars}
        return len(new)

    def gaps(self) -> list[Gap]:
        stored = frame_of(self.bars.values())
        wanted, numbers = symbol_numbers(stored, SYMBOLS)
        return find_gaps(GRID, wanted, numbers, minutes_of(stored), self.absences)


def market(quiet: set[tuple[str, int]]) -> list[Bar]:
    price = Decimal(100)
    return [
        Bar(symbol, moment_of(minute), price, price, price, price, volume=100)
        for place, minute in enumerate(GRID.minutes)
        for symbol in SYMBOLS
        if (symbol, place) not in quiet
    ]


@given(lost=PLACES, quiet=PLACES, dies_at=st.integers(0, 2))
@settings(max_examples=12, deadline=None)
def test_killed_anywhere_a_second_run_fills_what_is_left_and_nothing_twice(
    lost: set[tuple[str, int]], quiet: set[tuple[str, int]], dies_at: int
) -> None:
    told = market(quiet)
    gone = {(symbol, moment_of(GRID.minutes[place])) for symbol, place in lost}
    shelf = Shelf(
        {(b.symbol, b.started_at): b for b in told if (b.symbol, b.started_at) not in gone}
    )
    provider = FakeProvider(minutes=told, now=moment_of(GRID.minutes[-1] + 1))
    days = len({gap.trading_date for gap in shelf.gaps()})
    shelf.dies_at = dies_at
    try:
        fill(shelf.gaps(), provider, shelf)
    except Killed:
        assert dies_at <= days
    left = {gap.trading_date for gap in shelf.gaps()}
    provider.asked.clear()
    filled = fill(shelf.gaps(), provider, shelf)

    assert shelf.gaps() == []
    assert set(shelf.bars.values()) == set(told)
    assert {(one.symbol, one.starts_at) for one in shelf.absences} == {
        (symbol, moment_of(GRID.minutes[place])) for symbol, place in quiet
    }
    assert {day.trading_date for day in filled} == left
    assert len(provider.asked) == len(left), "a day that was kept is asked for again"


def test_a_provider_that_knows_nothing_of_a_symbol_has_not_said_that_it_was_quiet() -> None:
    shelf = Shelf()
    provider = FakeProvider(
        minutes=[bar for bar in market(set()) if bar.symbol == "SPY"],
        now=moment_of(GRID.minutes[-1] + 1),
    )
    filled = fill(shelf.gaps(), provider, shelf)
    assert [(day.added, day.quiet, day.unknown) for day in filled] == [(390, 0, 390)] * 2
    assert {gap.symbol for gap in shelf.gaps()} == {"AIG"}
    assert shelf.absences == []


def test_a_provider_that_refuses_is_left_alone_for_as_long_as_it_says() -> None:
    waits: list[timedelta] = []
    provider = FakeProvider(minutes=market(set()), now=moment_of(GRID.minutes[9]), refusals=3)
    pace = Pace(6000, waits.append)
    first, last = moment_of(GRID.minutes[0]), moment_of(GRID.minutes[-1])
    told = pace(lambda: provider.bars(SYMBOLS, first, last))
    assert len(told) == 18
    assert waits == [timedelta(seconds=1)] * 3
    assert provider.usage().requests == 4


def test_one_that_goes_on_refusing_is_given_up() -> None:
    def refused() -> None:
        raise RateLimited("no", next_step="wait", retry_after_seconds=50)

    waits: list[timedelta] = []
    with pytest.raises(Unreachable, match="was refused again"):
        Pace(6000, waits.append)(refused)
    assert waits == [timedelta(seconds=50)] * 2


class EnoughError(Exception):
    """Ends an endless run of questions."""


def test_no_more_is_asked_in_a_minute_than_was_agreed() -> None:
    waits: list[timedelta] = []
    asked = 0

    def wait(duration: timedelta) -> None:
        waits.append(duration)
        if len(waits) == 3:
            raise EnoughError

    def ask_on(pace: Pace) -> None:
        nonlocal asked
        while True:
            pace(lambda: None)
            asked += 1

    with pytest.raises(EnoughError):
        ask_on(Pace(30, wait))
    # A burst of ten seconds' worth at first, then a request every two seconds.
    assert asked == 5
    assert all(duration <= timedelta(seconds=2) for duration in waits)
