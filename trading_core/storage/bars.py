"""Minute bars by source: what was replayed is never mixed with what was made up."""

from collections.abc import Iterable
from datetime import datetime

from psycopg import Connection
from psycopg.rows import class_row

from trading_core.domain.market import Bar

_COLUMNS = "symbol, started_at, open_usd, high_usd, low_usd, close_usd, volume"


def store(connection: Connection, source: str, bars: Iterable[Bar]) -> int:
    """Write bars down; return how many were new. A bar already there stays as it is."""
    with connection.cursor() as cursor:
        cursor.executemany(
            "INSERT INTO bars (source, symbol, started_at, open_usd, high_usd, low_usd, close_usd,"
            " volume) VALUES (%s, %s, %s, %s, %s, %s, %s, %s) ON CONFLICT DO NOTHING",
            [
                (
                    source,
                    bar.symbol,
                    bar.started_at,
                    bar.open_usd,
                    bar.high_usd,
                    bar.low_usd,
                    bar.close_usd,
                    bar.volume,
                )
                for bar in bars
            ],
        )
        return cursor.rowcount


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
