"""How long things took, from the record of operations: recoveries, actions and whole runs."""

from datetime import datetime

from psycopg import Connection
from psycopg.rows import class_row

from trading_core.storage.operations.recoveries import Recovery

_OF_ACTION = """
    SELECT extract(epoch FROM done_at - began_at)::double precision
    FROM (
        SELECT min(at) FILTER (WHERE kind = 'intent') AS began_at,
               min(at) FILTER (WHERE kind = 'proof') AS done_at
        FROM effect_ledger WHERE at >= %s AND at < %s AND strpos(key || '/', %s) > 0
        GROUP BY run_id, key
    ) AS steps
    WHERE done_at >= began_at ORDER BY began_at
"""
_OF_RUNBOOK = """
    SELECT extract(epoch FROM max(at) - min(at))::double precision FROM effect_ledger
    WHERE at >= %s AND at < %s AND runbook = %s GROUP BY run_id ORDER BY min(at)
"""


def recoveries(connection: Connection, starts: datetime, ends: datetime) -> list[Recovery]:
    """Return the recoveries that began from `starts` on and before `ends`, oldest first."""
    with connection.cursor(row_factory=class_row(Recovery)) as cursor:
        return cursor.execute(
            "SELECT kind, subject, started_at, parts, rto_seconds, rpo_seconds, outcome,"
            " rto_target_seconds, rpo_target_seconds FROM recoveries"
            " WHERE started_at >= %s AND started_at < %s ORDER BY started_at",
            (starts, ends),
        ).fetchall()


def of_action(connection: Connection, action: str, starts: datetime, ends: datetime) -> list[float]:
    """Return the seconds from intent to proof of each change that an action made."""
    rows = connection.execute(_OF_ACTION, (starts, ends, f"/{action}/")).fetchall()
    return [float(row[0]) for row in rows]


def of_runbook(
    connection: Connection, runbook: str, starts: datetime, ends: datetime
) -> list[float]:
    """Return the seconds from the first change to the last of each run that changed anything."""
    rows = connection.execute(_OF_RUNBOOK, (starts, ends, runbook)).fetchall()
    return [float(row[0]) for row in rows]
