"""The trading database, asked as the application is: how fast, how full, who waits."""

from collections.abc import Mapping
from typing import Any

from psycopg import Connection

from trading_core.clock import stopwatch_seconds
from trading_core.settings import Settings
from trading_core.status.indicators import Figure, Measured
from trading_core.storage.connect import connect

NAMES = (
    "db_answer_ms",
    "db_connections_percent",
    "db_query_seconds",
    "db_idle_session_seconds",
    "db_unindexed_scans",
)
# A scan reads a small table faster than any index does.
_BIG_ROWS = 10_000
_CONNECTIONS = """
SELECT (SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend'),
       current_setting('max_connections')::int
       - current_setting('superuser_reserved_connections')::int
"""
_SESSIONS = """
SELECT coalesce(extract(epoch FROM max(clock_timestamp() - query_start)
                        FILTER (WHERE state = 'active' AND pid <> pg_backend_pid())), 0),
       coalesce(extract(epoch FROM max(clock_timestamp() - state_change)
                        FILTER (WHERE state LIKE 'idle in transaction%')), 0)
FROM pg_stat_activity WHERE datname = current_database() AND backend_type = 'client backend'
"""
_UNINDEXED = """
SELECT relname, seq_scan FROM pg_stat_user_tables
WHERE n_live_tup >= %s AND coalesce(idx_scan, 0) < 100 ORDER BY seq_scan DESC LIMIT 1
"""


def measure(settings: Settings) -> Mapping[str, Measured]:
    """Return how the database does.

    Raises:
        Unreachable: It does not answer.
    """
    with connect(settings.secret("trading_dsn"), application="status") as connection:
        return measure_on(connection)


def measure_on(connection: Connection[Any]) -> Mapping[str, Measured]:
    """Return how the database of a connection does."""
    began_seconds = stopwatch_seconds()
    connection.execute("SELECT 1")
    answer_ms = 1000 * (stopwatch_seconds() - began_seconds)
    used, most = _row(connection, _CONNECTIONS)
    query_seconds, idle_seconds = _row(connection, _SESSIONS)
    scanned = connection.execute(_UNINDEXED, [_BIG_ROWS]).fetchone()
    return {
        "db_answer_ms": Figure(answer_ms),
        "db_connections_percent": Figure(100 * used / most, f"{used} of {most}"),
        "db_query_seconds": Figure(float(query_seconds)),
        "db_idle_session_seconds": Figure(float(idle_seconds)),
        "db_unindexed_scans": Figure(scanned[1], scanned[0]) if scanned else Figure(0),
    }


def _row(connection: Connection[Any], query: str) -> tuple[Any, ...]:
    row = connection.execute(query).fetchone()
    assert row is not None, "an aggregate without GROUP BY has one row"
    return tuple(row)
