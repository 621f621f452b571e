"""Missing minutes of each symbol, merged into ranges.

A minute is missing when the exchange was open, the symbol was listed and not halted, nobody has
told us that it did not trade, and there is no bar. A range never crosses the end of a session.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime

import numpy as np
from numpy.typing import NDArray

from trading_core.bars.grid import Grid, Integers, moment_of


@dataclass(frozen=True, slots=True)
class Absence:
    """A span, from `starts_at` to before `ends_at`, in which a symbol rightly has no bars.

    Attributes:
        reason: `no trades`, `halt` or `not listed`.
    """

    symbol: str
    starts_at: datetime
    ends_at: datetime
    reason: str


@dataclass(frozen=True, slots=True)
class Gap:
    """Consecutive missing minutes, from `starts_at` to before `ends_at`."""

    symbol: str
    trading_date: date
    starts_at: datetime
    ends_at: datetime
    minutes: int


def find_gaps(
    grid: Grid,
    symbols: Sequence[str],
    symbol_numbers: Integers,
    minutes: Integers,
    absences: Iterable[Absence] = (),
) -> list[Gap]:
    """Return every gap, by symbol and time.

    Args:
        symbols: Those that should have bars; one without any is a gap from end to end.
        symbol_numbers: Of each bar, which of `symbols` it is of; -1: of none.
        minutes: Of each bar, its minute since the epoch; any order, duplicates allowed.
        absences: Spans without bars that are right.
    """
    width = grid.minutes.size
    # One flat array: a bar marks its place, one of no expected minute marks the spare place behind.
    flat = np.zeros(len(symbols) * width + 1, dtype=bool)
    places = grid.places(minutes)
    is_none = (places < 0) | (symbol_numbers < 0)
    places += symbol_numbers * width
    places[is_none] = flat.size - 1
    flat[places] = True
    there = flat[:-1].reshape(len(symbols), width)
    number_of = {symbol: number for number, symbol in enumerate(symbols)}
    for absence in absences:
        if absence.symbol in number_of:
            span = grid.span(absence.starts_at, absence.ends_at)
            there[number_of[absence.symbol], span] = True
    return _ranges(grid, symbols, there)


def _ranges(grid: Grid, symbols: Sequence[str], there: NDArray[np.bool_]) -> list[Gap]:
    missing = np.flatnonzero(~there)
    if not missing.size:
        return []
    rows, columns = np.divmod(missing, grid.minutes.size)
    sessions = grid.session[columns]
    breaks = (np.diff(missing) != 1) | (np.diff(rows) != 0) | (np.diff(sessions) != 0)
    firsts = np.concatenate(([0], np.flatnonzero(breaks) + 1))
    lasts = np.concatenate((firsts[1:] - 1, [missing.size - 1]))
    return [
        Gap(
            symbol=symbols[rows[first]],
            trading_date=grid.dates[sessions[first]],
            starts_at=moment_of(grid.minutes[columns[first]]),
            ends_at=moment_of(grid.minutes[columns[last]] + 1),
            minutes=int(last - first + 1),
        )
        for first, last in zip(firsts, lasts, strict=True)
    ]
