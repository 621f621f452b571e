"""Minute bars by source: what was replayed is never mixed with what was made up."""

from collections.abc import Sequence
from datetime import datetime

from psycopg import Connection
from psycopg.rows import class_row

from trading_core.domain.market import Bar

_COLUMNS = "symbol, started_at, open_usd, high_usd, low_usd, close_usd, volume"


# A synthetic day of another seed has the same minutes: what was replayed last is what is kept.
_STORE = f"""
    INSERT INTO bars AS kept (source, provider, {_COLUMNS})
    SELECT %s, %s, * FROM unnest(%s::text[], %s::timestamptz[], %s::numeric[], %s::numeric[],
                             %s::numeric[], %s::numeric[], %s::bigint[])
    ON CONFLICT (source, symbol, started_at) DO UPDATE
    SET open_usd = excluded.open_usd, high_usd = excluded.high_usd, low_usd = excluded.low_usd,
        close_usd = excluded.close_usd, volume = excluded.volume, provider = excluded.provider
    WHERE (kept.open_usd, kept.high_usd, kept.low_usd, kept.close_usd, kept.volume)
        IS DISTINCT FROM (excluded.open_usd, excluded.high_usd, excluded.low_usd,
                          excluded.close_usd, excluded.volume)
"""


def store(connection: Connection, source: str, bars: Sequence[Bar], provider: str = "") -> int:
    """Write bars down, as often as need be; return how many were new or different.

    Args:
        provider: Who told them; of a bar that is there already it stays the first one.
    """
    if not bars:
        return 0
    columns = (
        [bar.symbol for bar in bars],
        [bar.started_at for bar in bars],
        [bar.open_usd for bar in bars],
        [bar.high_usd for bar in bars],
        [bar.low_usd for bar in bars],
        [bar.close_usd for bar in bars],
        [bar.volume for bar in bars],
    )
    return connection.execute(_STORE, (source, provider, *columns)).rowcount


def forget(
    connection: Connection, source: str, symbols: Sequence[str], start: datetime, end: datetime
) -> int:
    """Remove bars that started from `start` to before `end`; return how many were there."""
    return connection.execute(
        "DELETE FROM bars WHERE source = %s AND symbol = ANY(%s)"
        " AND started_at >= %s AND started_at < %s",
        (source, list(symbols), start, end),
    ).rowcount


def between(
    connection: Connection, source: str, symbol: str, start: datetime, end: datetime
) -> list[Bar]:
    """Return one symbol's bars that started from `start` to before `end`, oldest first."""
    with connection.cursor(row_factory=class_row(Bar)) as cursor:
        cursor.execute(
            f"SELECT {_COLUMNS} FROM bars WHERE source = %s AND symbol = %s"
            " AND started_at >= %s AND started_at < %s ORDER BY started_at",
            (source, symbol, start, end),
        )
        return cursor.fetchall()


def latest(connection: Connection, source: str, symbol: str, limit: int) -> list[Bar]:
    """Return one symbol's last `limit` bars, oldest first."""
    with connection.cursor(row_factory=class_row(Bar)) as cursor:
        cursor.execute(
            f"SELECT {_COLUMNS} FROM bars WHERE source = %s AND symbol = %s"
            " ORDER BY started_at DESC LIMIT %s",
            (source, symbol, limit),
        )
        return cursor.fetchall()[::-1]
