"""Bars in PostgreSQL: for the report, for analysis, and for whoever comes after the session."""

from collections.abc import Callable, Sequence

from trading_core.domain.market import Bar
from trading_core.market_data.board import Scope
from trading_core.storage.connect import Database
from trading_core.storage.trading import bars as table


class Archive:
    """The table `bars`.

    Args:
        provider: Who is listened to now; written down with each bar.
    """

    def __init__(self, database: Database, provider: Callable[[], str] = lambda: "") -> None:
        self._database = database
        self._provider = provider

    def keep(self, source: str, bars: Sequence[Bar]) -> None:
        """Write bars down; writing them again changes nothing.

        Raises:
            Unreachable: The database does not answer. Writing again is safe.
        """
        with self._database.transaction() as connection:
            table.store(connection, source, bars, self._provider())

    def begin(self, scope: Scope, bars: Sequence[Bar]) -> None:
        """Make `bars` all that is kept of a session: another seed leaves nothing among them.

        Raises:
            Unreachable: The database does not answer, and keeps what it has.
        """
        with self._database.transaction() as connection:
            table.forget(connection, scope.source, scope.symbols, scope.opens_at, scope.closes_at)
            table.store(connection, scope.source, bars, self._provider())
