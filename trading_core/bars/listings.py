"""When a symbol was listed under its name, as the map files beside the bars tell it.

    DIRECTORY/map_files/symbol.csv   date, ticker, exchange

Each row's ticker holds up to its date; the first row's date is that of the listing. Bars of days
under another name, before the listing or after the delisting, are not missing.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from pathlib import Path

from trading_core.bars.gaps import Absence
from trading_core.errors import ConfigurationError

_ALWAYS_FROM = datetime(1970, 1, 1, tzinfo=UTC)
_ALWAYS_TO = datetime(2200, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Listing:
    """A symbol traded under `ticker` from `first` to `last`, both included."""

    ticker: str
    first: date
    last: date


def read_listings(folder: Path, symbol: str) -> list[Listing]:
    """Return the names a symbol had, oldest first; none when there is no map file of it.

    Raises:
        ConfigurationError: The file is there and cannot be understood.
    """
    path = folder / f"{symbol.lower()}.csv"
    if not path.is_file():
        return []
    rows = []
    for number, line in enumerate(path.read_text(encoding="ascii").splitlines(), start=1):
        try:
            day, ticker, *_ = line.split(",")
            rows.append((datetime.strptime(day, "%Y%m%d").date(), ticker.upper()))  # noqa: DTZ007
        except ValueError:
            raise ConfigurationError(
                f"{path}, line {number}: expected date and ticker, was {line[:60]!r}",
                next_step="correct or remove the file",
            ) from None
    listings: list[Listing] = []
    for (before, _), (last, ticker) in pairwise(rows):
        first = before if not listings else before + timedelta(days=1)
        if last >= first:
            listings.append(Listing(ticker, first, last))
    return listings


def unlisted(folder: Path, symbols: Iterable[str]) -> list[Absence]:
    """Return the spans in which symbols were not listed under their names."""
    found = []
    for symbol in symbols:
        begun = _ALWAYS_FROM
        under_name = [one for one in read_listings(folder, symbol) if one.ticker == symbol.upper()]
        for listing in under_name:
            found.append(Absence(symbol, begun, _midnight(listing.first), "not listed"))
            begun = _midnight(listing.last + timedelta(days=1))
        if under_name:
            found.append(Absence(symbol, begun, _ALWAYS_TO, "not listed"))
    return [one for one in found if one.starts_at < one.ends_at]


def _midnight(day: date) -> datetime:
    # Trading hours of New York lie within the same UTC date, so UTC's midnight separates days.
    return datetime(day.year, day.month, day.day, tzinfo=UTC)
