"""Splits of shares, as the factor files beside the bars tell them.

    DIRECTORY/factor_files/symbol.csv   date, price factor, split factor, price before

Each row's factors hold up to its date. Where the next row's split factor is another, every share
became `next / this` shares on the trading day after the row's date. Dividends, which the price
factor tells, are not paid: the bars are as traded, and our books know trades only.
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


def splits(spec: SessionSpec, symbols: Iterable[str]) -> list[Split]:
    """Return every split of the symbols that the source of a session knows, oldest first.

    Raises:
        ConfigurationError: A file is there and cannot be understood.
    """
    if spec.directory is None:
        return []
    folder = Path(spec.directory) / "factor_files"
    found = [split for symbol in symbols for split in _of_file(folder, symbol)]
    return sorted(found, key=lambda split: (split.ex_date, split.symbol))


def _of_file(folder: Path, symbol: str) -> list[Split]:
    path = folder / f"{symbol.lower()}.csv"
    if not path.is_file():
        return []
    rows = []
    for number, line in enumerate(path.read_text(encoding="ascii").splitlines(), start=1):
        try:
            day, _, factor, *_ = line.split(",", maxsplit=_COLUMNS - 1)
            rows.append((datetime.strptime(day, "%Y%m%d").date(), Decimal(factor)))  # noqa: DTZ007
        except (ValueError, InvalidOperation):
            raise ConfigurationError(
                f"{path}, line {number}: expected date and factors, was {line[:60]!r}",
                next_step="correct or remove the file",
            ) from None
    return [
        _split(symbol, day, factor, following)
        for (day, factor), (_, following) in pairwise(rows)
        if factor != following
    ]


def _split(symbol: str, last_day: date, factor: Decimal, following: Decimal) -> Split:
    ratio = Fraction(following / factor).limit_denominator(_TERM_MAX)
    return Split(symbol, day_after(last_day).date, ratio.denominator, ratio.numerator)
