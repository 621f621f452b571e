"""Each fault that is planted is found at its place, and in a quiet market none is invented."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from itertools import pairwise

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.conftest import BARS
from tests.trading_core.bars.market import MONDAY, TUESDAY, quiet_market, recorded_market
from trading_core.bars.columns import PRICES, frame
from trading_core.bars.validation import disagreements, validate


@dataclass(frozen=True)
class Split:
    symbol: str
    ex_date: date
    old: int
    new: int


def priced(bars: pd.DataFrame, row: int, **columns: int) -> pd.DataFrame:
    changed = bars.copy()
    for name, value in columns.items():
        changed.loc[row, name] = value
    return changed


def bad_print(bars: pd.DataFrame, row: int) -> pd.DataFrame:
    return priced(bars, row, high_ticks=int(bars["high_ticks"][row] * 1.1))


def bad_bar(bars: pd.DataFrame, row: int) -> pd.DataFrame:
    return priced(bars, row, **{name: int(bars[name][row] * 0.8) for name in PRICES})


FAULTS: dict[str, tuple[str, Callable[[pd.DataFrame, int], pd.DataFrame]]] = {
    "a high below the close": (
        "ohlc",
        lambda bars, row: priced(bars, row, high_ticks=int(bars["low_ticks"][row]) - 1),
    ),
    "a price of nothing": ("price", lambda bars, row: priced(bars, row, low_ticks=0)),
    "a negative volume": ("volume", lambda bars, row: priced(bars, row, volume=-1)),
    "a minute twice": (
        "duplicate",
        lambda bars, row: bars.loc[[*range(row + 1), *range(row, len(bars))]],
    ),
    "a high far away": ("spike", bad_print),
    "a whole bar far away": ("spike", bad_bar),
}


@pytest.mark.parametrize(("kind", "plant"), FAULTS.values(), ids=list(FAULTS))
@given(row=st.integers(10, 370), seed=st.integers(0, 3), late=st.booleans())
@settings(max_examples=8, deadline=None)
def test_what_is_planted_is_found_there_and_nothing_else(
    kind: str,
    plant: Callable[[pd.DataFrame, int], pd.DataFrame],
    row: int,
    seed: int,
    late: bool,
) -> None:
    bars = quiet_market(seed=seed)
    place = row + 780 * late
    found = validate(plant(bars, place))
    assert [(one.symbol, one.at, one.kind) for one in found] == [
        (bars["symbol"][place], bars["started_at"][place], kind)
    ]


def test_a_spike_of_several_minutes_is_found_whole_and_a_move_that_stays_is_none() -> None:
    bars = quiet_market(("SPY",), last=MONDAY)
    for row in (100, 101, 102):
        bars = bad_bar(bars, row)
    spikes = [one.at for one in validate(bars) if one.kind == "spike"]
    assert spikes == list(bars["started_at"][100:103])
    for moved_from in (1, 3, 200, 388):
        moved = quiet_market(("SPY",), last=MONDAY)
        moved.loc[moved_from:, list(PRICES)] = moved.loc[moved_from:, list(PRICES)] // 10 * 9
        # The minute of the move goes all the way.
        last = int(moved["close_ticks"][moved_from - 1])
        moved = priced(moved, moved_from, high_ticks=last, open_ticks=last)
        assert validate(moved) == []


def test_rows_in_disorder_are_told_where_time_goes_back() -> None:
    bars = quiet_market(("SPY",), last=MONDAY)
    order = [*range(50), 51, 50, *range(52, 390)]
    found = validate(bars.iloc[order])
    assert [(one.kind, one.at) for one in found] == [("order", bars["started_at"][50])]


@given(seed=st.integers(0, 10_000))
@settings(max_examples=15, deadline=None)
def test_in_a_quiet_market_nothing_is_invented(seed: int) -> None:
    assert validate(quiet_market(seed=seed)) == []


def divided(bars: pd.DataFrame, by: int) -> pd.DataFrame:
    later = bars["started_at"] >= pd.Timestamp(TUESDAY, tz="UTC")
    changed = bars.copy()
    changed.loc[later, list(PRICES)] = changed.loc[later, list(PRICES)] // by
    return changed


def test_a_split_is_expected_where_the_factor_file_says_so_and_nowhere_else() -> None:
    bars = quiet_market(("SPY",))
    seven = Split("SPY", TUESDAY, old=1, new=7)
    assert validate(divided(bars, 7), [seven]) == []
    assert [one.kind for one in validate(bars, [seven])] == ["split"]
    (jump,) = validate(divided(bars, 7))
    assert (jump.kind, jump.detail) == (
        "jump",
        "opens at 0.143 of the last price, and no split is known",
    )


def test_two_sources_that_tell_another_close_are_named() -> None:
    bars = quiet_market()
    other = priced(bars, 17, close_ticks=int(bars["close_ticks"][17] * 1.01))
    assert [one.at for one in disagreements(bars, other, 0.001)] == [bars["started_at"][17]]
    assert disagreements(bars, bars, 0.0) == []


def test_without_bars_there_is_nothing_to_find() -> None:
    assert validate(frame([])) == []


@pytest.mark.real_bars
def test_recorded_days_are_believed() -> None:
    days = (date(2013, 10, 4), MONDAY, TUESDAY, date(2013, 10, 9))
    bars = recorded_market(BARS, days)
    hours = bars["started_at"].dt.tz_convert("America/New_York").dt.strftime("%H:%M")
    traded = bars[(hours >= "09:30") & (hours < "16:00")]
    assert validate(traded) == []
    assert all(one < other for one, other in pairwise(days))
