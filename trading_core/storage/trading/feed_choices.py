"""Which feed is listened to, which symbols are followed: each choice a row, the newest in force."""

from collections.abc import Sequence

from psycopg import Connection


def add_choice(
    connection: Connection, active: str, fallback_enabled: bool, reason: str, actor: str
) -> None:
    """Put a choice of the feed in force."""
    connection.execute(
        "INSERT INTO feed_choices (active, fallback_enabled, reason, actor)"
        " VALUES (%s, %s, %s, %s)",
        (active, fallback_enabled, reason, actor),
    )


def newest_choice(connection: Connection) -> tuple[str, bool, str, str] | None:
    """Return active feed, fallback, reason and actor of the one in force; None: there is none."""
    return connection.execute(
        "SELECT active, fallback_enabled, reason, actor FROM feed_choices ORDER BY id DESC LIMIT 1"
    ).fetchone()


def add_symbols(connection: Connection, symbols: Sequence[str], reason: str, actor: str) -> None:
    """Put a list of symbols in force."""
    connection.execute(
        "INSERT INTO symbol_lists (symbols, reason, actor) VALUES (%s, %s, %s)",
        (list(symbols), reason, actor),
    )


def newest_symbols(connection: Connection) -> tuple[str, ...] | None:
    """Return the symbols to follow; None: all there are."""
    row = connection.execute("SELECT symbols FROM symbol_lists ORDER BY id DESC LIMIT 1").fetchone()
    return None if row is None else tuple(row[0])
