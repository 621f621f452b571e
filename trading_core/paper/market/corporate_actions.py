"""Splits and dividends of shares, as the factor files beside the bars tell them.

    DIRECTORY/factor_files/symbol.csv   date, price factor, split factor, price before

Each row's factors hold up to its date. Where the next row's split factor is another, every share
became `next / this` shares on the trading day after the row's date. Where its price factor is
another, every share was paid `price before x (1 - this / next)` dollars, held at that day's open.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

from trading_core.errors import ConfigurationError
from trading_core.paper.market.hours import day_after
from trading_core.paper.market.sessions import SessionSpec
from trading_core.paper.orders.order import derived_id

# Split factors are written with about six digits; no real split has larger terms than this.
_TERM_MAX = 200
_COLUMNS = 4
_PER_SHARE = Decimal("0.0001")


@dataclass(frozen=True, slots=True)
class Split:
    """Every `old` shares of a symbol became `new` on a date, before its open."""

    symbol: str
    ex_date: date
    old: int
    new: int

    @property
    def id(self) -> str:
        """The same id for the same split, always."""
        return derived_id("split", self.symbol, self.ex_date)

    @property
    def ratio(self) -> Decimal:
        """Shares that one share became."""
        return Decimal(self.new) / self.old


@dataclass(frozen=True, slots=True)
class Dividend:
    """What every share of a symbol that is held at the open of a date is paid, in dollars."""

    symbol: str
    ex_date: date
    per_share_usd: Decimal

    @property
    def id(self) -> str:
        """The same id for the same dividend, always."""
        return derived_id("dividend", self.symbol, self.ex_date)


@dataclass(frozen=True, slots=True)
class _Row:
    """One row of a factor file; its factors hold up to its day."""

    day: date
    price_factor: Decimal
    split_factor: Decimal
    price_before_usd: Decimal


def splits(spec: SessionSpec, symbols: Iterable[str]) -> list[Split]:
    """Return every split of the symbols that the source of a session knows, oldest first.

    Raises:
        ConfigurationError: A file is there and cannot be understood.
    """
    found = [
        _split(symbol, row, following)
        for symbol in symbols
        for row, following in pairwise(_rows(spec, symbol))
        if row.split_factor != following.split_factor
    ]
    return sorted(found, key=lambda split: (split.ex_date, split.symbol))


def dividends(spec: SessionSpec, symbols: Iterable[str]) -> list[Dividend]:
    """Return every dividend of the symbols that the source of a session knows; as `splits`."""
    found = [
        _dividend(symbol, row, following)
        for symbol in symbols
        for row, following in pairwise(_rows(spec, symbol))
        if row.price_factor != following.price_factor
    ]
    return sorted(found, key=lambda dividend: (dividend.ex_date, dividend.symbol))


def _rows(spec: SessionSpec, symbol: str) -> list[_Row]:
    if spec.directory is None:
        return []
    path = Path(spec.directory) / "factor_files" / f"{symbol.lower()}.csv"
    if not path.is_file():
        return []
    return [
        _row(path, number, line)
        for number, line in enumerate(path.read_text(encoding="ascii").splitlines(), start=1)
    ]


def _row(path: Path, number: int, line: str) -> _Row:
    try:
        day, price, split, before = line.split(",", maxsplit=_COLUMNS - 1)
        at = datetime.strptime(day, "%Y%m%d").date()  # noqa: DTZ007
        return _Row(at, Decimal(price), Decimal(split), Decimal(before))
    except (ValueError, InvalidOperation):
        raise ConfigurationError(
            f"{path}, line {number}: expected date and factors, was {line[:60]!r}",
            next_step="correct or remove the file",
        ) from None


def _split(symbol: str, row: _Row, following: _Row) -> Split:
    ratio = Fraction(following.split_factor / row.split_factor).limit_denominator(_TERM_MAX)
    return Split(symbol, day_after(row.day).date, ratio.denominator, ratio.numerator)


def _dividend(symbol: str, row: _Row, following: _Row) -> Dividend:
    paid_usd = row.price_before_usd * (1 - row.price_factor / following.price_factor)
    return Dividend(symbol, day_after(row.day).date, paid_usd.quantize(_PER_SHARE))
