"""A missing minute is found with its symbol and range; a minute that is rightly absent never is."""

from datetime import date, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.conftest import BARS
from tests.trading_core.bars.market import MONDAY, TUESDAY, grid_of, quiet_market, recorded_market
from trading_core.bars.columns import minutes_of, symbol_numbers
from trading_core.bars.gaps import Absence, Gap, find_gaps
from trading_core.bars.grid import Grid, minute_of, moment_of
from trading_core.bars.listings import read_listings, unlisted
from trading_core.errors import ConfigurationError

THANKSGIVING_WEEK = (date(2013, 11, 27), date(2013, 11, 29))
SYMBOLS = ("AIG", "IBM", "SPY")


def gaps(
    bars: pd.DataFrame,
    grid: Grid,
    symbols: tuple[str, ...] = ("AIG", "SPY"),
    absences: tuple[Absence, ...] = (),
) -> list[Gap]:
    wanted, numbers = symbol_numbers(bars, symbols)
    return find_gaps(grid, wanted, numbers, minutes_of(bars), absences)


@given(
    gone=st.sets(st.tuples(st.sampled_from(SYMBOLS), st.integers(0, 2 * 390 - 1))),
    told=st.sets(st.tuples(st.sampled_from(SYMBOLS), st.integers(0, 2 * 390 - 1))),
    seed=st.integers(0, 9),
)
@settings(max_examples=40, deadline=None)
def test_exactly_the_minutes_that_were_taken_are_missing(
    gone: set[tuple[str, int]], told: set[tuple[str, int]], seed: int
) -> None:
    grid = grid_of(MONDAY, TUESDAY)
    there = [(s, m) for s in range(len(SYMBOLS)) for m in range(780) if (SYMBOLS[s], m) not in gone]
    np.random.default_rng(seed).shuffle(there)
    numbers = np.array([symbol for symbol, _ in there], np.int64)
    minutes = grid.minutes[[minute for _, minute in there]] if there else np.empty(0, np.int64)
    absences = [
        Absence(s, moment_of(grid.minutes[m]), moment_of(grid.minutes[m] + 1), "no trades")
        for s, m in told
    ]
    found = find_gaps(grid, SYMBOLS, numbers, minutes, absences)

    one_by_one = {
        (gap.symbol, minute_of(gap.starts_at) + step)
        for gap in found
        for step in range(gap.minutes)
    }
    assert one_by_one == {(symbol, int(grid.minutes[place])) for symbol, place in gone - told}
    assert all(gap.ends_at - gap.starts_at == timedelta(minutes=gap.minutes) for gap in found)
    edges = [(gap.symbol, gap.starts_at) for gap in found]
    assert edges == sorted(edges)


def test_a_hole_over_the_close_is_two_gaps_each_of_its_day() -> None:
    bars, grid = quiet_market(("SPY",)), grid_of(MONDAY, TUESDAY)
    found = gaps(bars.drop(range(385, 400)), grid, ("SPY",))
    assert [(gap.trading_date, gap.minutes) for gap in found] == [(MONDAY, 5), (TUESDAY, 10)]
    assert f"{found[0].starts_at:%H:%M} to {found[0].ends_at:%H:%M}" == "19:55 to 20:00"


def test_a_symbol_without_any_bar_is_missing_from_end_to_end() -> None:
    found = gaps(quiet_market(("SPY",)), grid_of(MONDAY, TUESDAY))
    assert [(gap.symbol, gap.minutes) for gap in found] == [("AIG", 390), ("AIG", 390)]


def test_holidays_half_days_and_extended_hours_are_not_expected() -> None:
    grid = grid_of(*THANKSGIVING_WEEK)
    assert [int((grid.session == one).sum()) for one in range(2)] == [390, 210]
    assert grid.dates == THANKSGIVING_WEEK
    early = quiet_market(("SPY",), *THANKSGIVING_WEEK)
    assert gaps(early, grid, ("SPY",)) == []
    beyond = early.assign(started_at=early["started_at"] - pd.Timedelta(hours=5))
    assert sum(gap.minutes for gap in gaps(beyond, grid, ("SPY",))) == 600 - (390 - 300)


def test_the_hours_follow_new_york_when_it_changes_its_clocks() -> None:
    grid = grid_of(date(2013, 11, 1), date(2013, 11, 4))
    opens = [moment_of(grid.minutes[grid.session == one][0]) for one in range(2)]
    assert [f"{at:%H:%M}" for at in opens] == ["13:30", "14:30"]


def test_a_minute_that_has_not_ended_is_not_expected_yet() -> None:
    now = datetime.fromisoformat("2013-10-07T13:32:30+00:00")
    assert grid_of(MONDAY, MONDAY, now).minutes.size == 2


def test_a_halt_is_no_gap_and_the_minutes_round_it_still_are() -> None:
    bars, grid = quiet_market(("SPY",), last=MONDAY), grid_of(MONDAY, MONDAY)
    first = grid.minutes[100]
    halt = Absence("SPY", moment_of(first), moment_of(first + 10), "halt")
    found = gaps(bars.drop(range(99, 112)), grid, ("SPY",), (halt,))
    assert [(minute_of(gap.starts_at) - first, gap.minutes) for gap in found] == [(-1, 1), (10, 2)]


def test_a_renamed_symbol_is_not_missed_before_it_had_its_name(tmp_path: Path) -> None:
    (tmp_path / "spy.csv").write_text("20130102,old,N\n20131007,old,N\n20501231,spy,N\n")
    absences = tuple(unlisted(tmp_path, ["SPY", "AIG"]))
    found = gaps(quiet_market(("AIG",)), grid_of(MONDAY, TUESDAY), ("AIG", "SPY"), absences)
    assert [(gap.symbol, gap.trading_date) for gap in found] == [("SPY", TUESDAY)]
    assert [one.ticker for one in read_listings(tmp_path, "spy")] == ["OLD", "SPY"]


def test_a_map_file_that_is_none_is_refused_with_its_line(tmp_path: Path) -> None:
    (tmp_path / "spy.csv").write_text("20130102,old,N\nyesterday\n")
    with pytest.raises(ConfigurationError, match=r"spy\.csv, line 2: expected date and ticker"):
        unlisted(tmp_path, ["SPY"])


@pytest.mark.real_bars
def test_recorded_days_have_no_gap_and_a_cut_one_has_that() -> None:
    bars = recorded_market(BARS, (MONDAY, TUESDAY))
    absences = tuple(unlisted(BARS / "map_files", ("AIG", "BAC", "IBM", "SPY")))
    grid, symbols = grid_of(MONDAY, TUESDAY), ("AIG", "BAC", "IBM", "SPY")
    # A minute in which AIG did not trade: only who has the trades can tell it from a lost one.
    quiet_at = datetime.fromisoformat("2013-10-07T17:47:00+00:00")
    quiet = Absence("AIG", quiet_at, quiet_at + timedelta(minutes=1), "no trades")
    assert [(one.symbol, one.starts_at) for one in gaps(bars, grid, symbols, absences)] == [
        ("AIG", quiet_at)
    ]
    assert gaps(bars, grid, symbols, (*absences, quiet)) == []
    noon = datetime.fromisoformat("2013-10-08T16:00:00+00:00")
    cut = bars[~((bars["symbol"] == "IBM") & (bars["started_at"] == noon))]
    assert [
        (gap.symbol, gap.starts_at) for gap in gaps(cut, grid, symbols, (*absences, quiet))
    ] == [("IBM", noon)]
