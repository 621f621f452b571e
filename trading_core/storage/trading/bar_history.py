"""The history of bars: what is missing is asked of it, and what is found is added to it.

Times are instants, from `start` to before `end`. Prices leave as ticks of 1/10,000 dollar.
"""

from collections.abc import Iterable, Sequence
from datetime import date, datetime
from typing import Any

from psycopg import Connection

from trading_core.bars.gaps import Absence
from trading_core.domain.market import Bar

_ADD = """
    INSERT INTO bars (source, provider, symbol, started_at, open_usd, high_usd, low_usd, close_usd,
                      volume)
    SELECT %s, %s, * FROM unnest(%s::text[], %s::timestamptz[], %s::numeric[], %s::numeric[],
                                 %s::numeric[], %s::numeric[], %s::bigint[])
    ON CONFLICT DO NOTHING
"""
_ROWS = """
    SELECT symbol, started_at, (open_usd * 10000)::bigint, (high_usd * 10000)::bigint,
           (low_usd * 10000)::bigint, (close_usd * 10000)::bigint, volume, provider
    FROM bars WHERE source = %s AND started_at >= %s AND started_at < %s AND symbol = ANY(%s)
    ORDER BY symbol, started_at
"""


def sources(connection: Connection, start: datetime, end: datetime) -> list[str]:
    """Return the source of the session opened last on these days, else all that have bars."""
    traded = connection.execute(
        "SELECT source FROM trading_days WHERE trading_date >= %s::date AND trading_date < %s::date"
        " ORDER BY opened_at DESC LIMIT 1",
        (start, end),
    ).fetchall()
    stored = (
        "SELECT DISTINCT source FROM bars WHERE started_at >= %s AND started_at < %s ORDER BY 1"
    )
    rows = traded or connection.execute(stored, (start, end)).fetchall()
    return [str(source) for (source,) in rows]


def symbols(connection: Connection, source: str, start: datetime, end: datetime) -> list[str]:
    """Return the symbols with bars of a span."""
    rows = connection.execute(
        "SELECT DISTINCT symbol FROM bars WHERE source = %s AND started_at >= %s"
        " AND started_at < %s ORDER BY symbol",
        (source, start, end),
    ).fetchall()
    return [str(symbol) for (symbol,) in rows]


def minutes(
    connection: Connection, source: str, start: datetime, end: datetime
) -> dict[str, list[int]]:
    """Return the minutes since the epoch that each symbol has bars of, in order."""
    # One row for each symbol: a year of minutes is read in one piece.
    rows = connection.execute(
        "SELECT symbol, array_agg((extract(epoch FROM started_at) / 60)::bigint"
        " ORDER BY started_at) FROM bars"
        " WHERE source = %s AND started_at >= %s AND started_at < %s GROUP BY symbol",
        (source, start, end),
    ).fetchall()
    return {str(symbol): found for symbol, found in rows}


def rows(
    connection: Connection, source: str, start: datetime, end: datetime, of: Sequence[str]
) -> list[tuple[Any, ...]]:
    """Return bars in the order of `trading_core.bars.columns.COLUMNS`, by symbol and time."""
    return connection.execute(_ROWS, (source, start, end, list(of))).fetchall()


def add(connection: Connection, source: str, provider: str, bars: Sequence[Bar]) -> int:
    """Add bars whose minutes have none; return how many there were."""
    columns = (
        [bar.symbol for bar in bars],
        [bar.started_at for bar in bars],
        [bar.open_usd for bar in bars],
        [bar.high_usd for bar in bars],
        [bar.low_usd for bar in bars],
        [bar.close_usd for bar in bars],
        [bar.volume for bar in bars],
    )
    return connection.execute(_ADD, (source, provider, *columns)).rowcount if bars else 0


def absences(connection: Connection, source: str, start: datetime, end: datetime) -> list[Absence]:
    """Return the spans in which symbols rightly have no bars."""
    found = connection.execute(
        "SELECT symbol, starts_at, ends_at, reason FROM bar_absences"
        " WHERE source = %s AND starts_at < %s AND ends_at > %s ORDER BY symbol, starts_at",
        (source, end, start),
    ).fetchall()
    return [Absence(*row) for row in found]


def add_absences(
    connection: Connection, source: str, told_by: str, found: Iterable[Absence]
) -> None:
    """Write down spans without bars; one that is there already is widened, never shortened."""
    with connection.cursor() as cursor:
        cursor.executemany(
            "INSERT INTO bar_absences AS kept"
            " (source, symbol, starts_at, ends_at, reason, told_by)"
            " VALUES (%s, %s, %s, %s, %s, %s) ON CONFLICT (source, symbol, starts_at, reason)"
            " DO UPDATE SET ends_at = greatest(kept.ends_at, excluded.ends_at)",
            [(source, a.symbol, a.starts_at, a.ends_at, a.reason, told_by) for a in found],
        )


def days(connection: Connection, source: str) -> list[tuple[date, int]]:
    """Return the exchange's dates that have bars, and how many each has."""
    return connection.execute(
        "SELECT (started_at AT TIME ZONE 'America/New_York')::date AS day, count(*)"
        " FROM bars WHERE source = %s GROUP BY day ORDER BY day",
        (source,),
    ).fetchall()


def forget_before(connection: Connection, moment: datetime) -> int:
    """Remove bars and absences that ended before a moment; return how many bars there were."""
    connection.execute("DELETE FROM bar_absences WHERE ends_at <= %s", (moment,))
    return connection.execute("DELETE FROM bars WHERE started_at < %s", (moment,)).rowcount


def count_before(connection: Connection, moment: datetime) -> int:
    """Return how many bars started before a moment."""
    row = connection.execute(
        "SELECT count(*) FROM bars WHERE started_at < %s", (moment,)
    ).fetchone()
    return 0 if row is None else int(row[0])
