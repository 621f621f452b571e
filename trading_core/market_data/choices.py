"""What was chosen for market data, in PostgreSQL: the feed, and the symbols to follow."""

from typing import cast

from trading_core.market_data.feeds import Choice, Role
from trading_core.storage.connect import Database
from trading_core.storage.trading import feed_choices as table


class StoredChoices:
    """The tables `feed_choices` and `symbol_lists`. Every method raises `Unreachable`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def newest(self) -> Choice | None:
        """Return the choice of the feed in force; None: there never was one."""
        with self._database.transaction() as connection:
            row = table.newest_choice(connection)
        if row is None:
            return None
        active, fallback_enabled, reason, actor = row
        return Choice(cast("Role", active), fallback_enabled, reason, actor)

    def add(self, choice: Choice) -> None:
        """Put a choice of the feed in force."""
        with self._database.transaction() as connection:
            table.add_choice(
                connection, choice.active, choice.fallback_enabled, choice.reason, choice.actor
            )

    def followed(self, symbols: tuple[str, ...]) -> tuple[str, ...]:
        """Return which of a session's symbols are followed; all, when the list has none of them."""
        with self._database.transaction() as connection:
            chosen = table.newest_symbols(connection)
        kept = tuple(symbol for symbol in symbols if symbol in (chosen or symbols))
        return kept or symbols

    def follow(self, symbols: tuple[str, ...], reason: str, actor: str) -> None:
        """Put a list of symbols in force."""
        with self._database.transaction() as connection:
            table.add_symbols(connection, symbols, reason, actor)
