"""The stored bars of some trading days, as runbooks ask for them."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Protocol

import numpy as np
import pandas as pd

from trading_core.bars.backfill import History, Pace
from trading_core.bars.columns import frame
from trading_core.bars.gaps import Absence, Gap, find_gaps
from trading_core.bars.grid import Grid
from trading_core.bars.listings import unlisted
from trading_core.broker.contract import TradingApi
from trading_core.broker.http import Endpoint
from trading_core.broker.market_data import MarketDataApi
from trading_core.calendar.exchange_calendar import ExchangeCalendar
from trading_core.domain.market import Bar, Quote
from trading_core.errors import ConfigurationError
from trading_core.ledger.session import start_of_date, trading_date_of
from trading_core.market_data.service import backup_endpoint, primary_endpoint
from trading_core.paper.market.corporate_actions import Split, splits
from trading_core.paper.market.sessions import SessionSpec
from trading_core.settings import Settings
from trading_core.storage.connect import Database
from trading_core.storage.trading import bar_history, feed_choices

_DAYS_MAX = 400
_MINUTE = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Asked:
    """What a runbook was asked about, as typed into its form.

    Attributes:
        start: First trading day, YYYY-MM-DD; empty: the exchange's day.
        end: Last one; empty: the first.
        symbols: Empty: every symbol followed or stored.
        source: `bars`, `synthetic`, ...; empty: that of the days' session, or the only one.
    """

    start: str = ""
    end: str = ""
    symbols: tuple[str, ...] = ()
    source: str = ""

    def __str__(self) -> str:
        days = f"{self.start or 'today'} to {self.end or self.start or 'today'}"
        return " ".join([days, *self.symbols, self.source]).strip()


class Provider(History, Protocol):
    """Who is asked for bars, and proven by its quotes."""

    def latest_quotes(self, symbols: Sequence[str]) -> dict[str, Quote]:
        """Return the newest quote of each symbol that has one."""
        ...


class BarHistory:
    """The bars of the days asked about. Threads may share one.

    Args:
        provider: Lends the provider called `primary` or `backup`; None: the stack's own.
    """

    def __init__(
        self,
        settings: Settings,
        database: Database,
        broker: TradingApi,
        asked: Asked,
        provider: Callable[[str], AbstractContextManager[Provider]] | None = None,
    ) -> None:
        self.provider = provider or (lambda name: provider_api(settings, name))
        self.settings = settings
        self.database = database
        self._broker = broker
        self._asked = asked
        self._calendar = ExchangeCalendar.of(settings.calendar_file)

    @property
    def parquet_root(self) -> Path:
        """Where the files of days are."""
        return self.settings.root / "data" / "parquet"

    def today(self) -> date:
        """Return the exchange's date."""
        return trading_date_of(self._broker.clock().now)

    def days(self) -> tuple[date, date]:
        """Return the first and the last day.

        Raises:
            ConfigurationError: They are no dates, or too many days, or in the wrong order.
        """
        first = _date(self._asked.start) or self.today()
        last = _date(self._asked.end) or first
        if not first <= last <= first + timedelta(days=_DAYS_MAX):
            raise ConfigurationError(
                f"days: expected at most {_DAYS_MAX} from {first} on, was up to {last}",
                next_step="correct start and end",
            )
        return first, last

    def span(self) -> tuple[datetime, datetime]:
        """Return the first instant, and the first one behind."""
        first, last = self.days()
        return start_of_date(first), start_of_date(last + timedelta(days=1))

    def has_bars(self) -> bool:
        """Whether any bar of the days is stored."""
        with self.database.transaction() as connection:
            return bool(bar_history.sources(connection, *self.span()))

    def source(self) -> str:
        """Return the source asked for; when none was, that of the session, or the only one.

        Raises:
            ConfigurationError: There is none, or more than one.
        """
        if self._asked.source:
            return self._asked.source
        with self.database.transaction() as connection:
            found = bar_history.sources(connection, *self.span())
        if len(found) != 1:
            raise ConfigurationError(
                f"source: expected one with bars of {self._asked}, was {found or 'none'}",
                next_step="name the source, or days that have bars",
            )
        return found[0]

    def symbols(self) -> list[str]:
        """Return the symbols asked for; when none was, those followed and those stored."""
        if self._asked.symbols:
            return sorted(set(self._asked.symbols))
        with self.database.transaction() as connection:
            followed = feed_choices.newest_symbols(connection) or ()
            stored = bar_history.symbols(connection, self.source(), *self.span())
        return sorted({*followed, *stored})

    def grid(self) -> Grid:
        """Return the minutes that may be expected by now."""
        # The newest minute may still be under way to us.
        until = self._broker.clock().now - _MINUTE
        return Grid.of(self._calendar.sessions(*self.days()), until)

    def gaps(self) -> list[Gap]:
        """Return every gap of the days."""
        source, symbols, grid = self.source(), self.symbols(), self.grid()
        with self.database.transaction() as connection:
            found = bar_history.minutes(connection, source, *self.span())
            absences = bar_history.absences(connection, source, *self.span())
        numbers = [np.full(len(found.get(one, ())), n) for n, one in enumerate(symbols)]
        minutes = [np.array(found.get(one, ()), np.int64) for one in symbols]
        none = [np.empty(0, np.int64)]
        return find_gaps(
            grid,
            symbols,
            np.concatenate(numbers or none).astype(np.int64),
            np.concatenate(minutes or none),
            [*absences, *self._unlisted(symbols)],
        )

    def frame(self) -> pd.DataFrame:
        """Return the stored bars as columns, those of trading hours."""
        with self.database.transaction() as connection:
            rows = bar_history.rows(connection, self.source(), *self.span(), self.symbols())
        return frame(rows)

    def splits(self) -> list[Split]:
        """Return the splits that the factor files know of."""
        folder = self.settings.bar_reference_dir
        if folder is None:
            return []
        spec = SessionSpec("bars", str(folder), self.today(), None, seed=0)
        return splits(spec, self.symbols())

    def keep(self, bars: Sequence[Bar], absences: Sequence[Absence], told_by: str) -> int:
        """Add bars and absences in one transaction; return how many bars were new."""
        source = self.source()
        with self.database.transaction() as connection:
            bar_history.add_absences(connection, source, told_by, absences)
            return bar_history.add(connection, source, told_by, bars)

    def _unlisted(self, symbols: Sequence[str]) -> list[Absence]:
        folder = self.settings.bar_reference_dir
        return [] if folder is None else unlisted(folder / "map_files", symbols)


@contextmanager
def provider_api(settings: Settings, name: str) -> Iterator[Provider]:
    """Lend a paced client of the provider called `primary` or `backup`.

    Raises:
        ConfigurationError: There is no such provider.
    """
    exchange = Endpoint.of(settings)
    doors = {
        "primary": (primary_endpoint(settings, exchange), settings.market_data_feed),
        "backup": (backup_endpoint(settings, exchange), settings.backup_market_data_feed),
    }
    if name not in doors:
        raise ConfigurationError(
            f"provider: expected one of {list(doors)}, was {name!r}", next_step="correct the name"
        )
    endpoint, feed = doors[name]
    pace = Pace(settings.market_data_requests_per_minute)
    with closing(MarketDataApi(endpoint, feed, pace)) as api:
        yield api


def _date(text: str) -> date | None:
    try:
        return date.fromisoformat(text) if text else None
    except ValueError:
        raise ConfigurationError(
            f"day: expected YYYY-MM-DD, was {text!r}", next_step="correct the date"
        ) from None
