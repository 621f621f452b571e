"""A moment of the trading database at which nothing could change, and what was in every table then.

A restored copy can only be compared with a state whose exact place in the log is known. A snapshot
alone has none: a transaction writes its commit to the log a moment before snapshots can see it. So
for the length of one statement every table is locked against writing. A writer keeps its lock
until its commit is both in the log and visible, and no new one begins: whatever the snapshot sees
was committed before the position read under the lock, and nothing of what it does not see. The
first transaction that ends after that position is at the latest the one that held the lock, and
it changed no table. Recovery up to that transaction restores exactly the snapshot.

Writers wait some milliseconds. When a table cannot be locked at once we step back and try again,
sooner than PostgreSQL looks for deadlocks (1 s): trading's own transaction is never the one that
is ended for it.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import psycopg
from psycopg import Connection, IsolationLevel, sql
from pydantic import SecretStr

from trading_core.clock import pause, poll, seconds
from trading_core.errors import CheckFailed
from trading_core.storage import fingerprints
from trading_core.storage.connect import connect

_READ_WITHIN = seconds(900)
_LOCK_WITHIN_MILLISECONDS = 300
_LOCKED_WITHIN = seconds(60)
_STEP_BACK = seconds(0.2)


@dataclass(frozen=True, slots=True)
class Moment:
    """What was in the database at a position of its log.

    Attributes:
        lsn: The position, as PostgreSQL writes it.
        at: The server's time.
        tables: Rows and checksum of each.
    """

    lsn: str
    at: datetime
    tables: Mapping[str, Mapping[str, Any]]


def measure(owner_dsn: SecretStr) -> Moment:
    """Read what is in every table at one known position of the log.

    Args:
        owner_dsn: Of the role that owns the tables.

    Raises:
        Unreachable: The server does not answer.
        CheckFailed: For a minute somebody held a table so that it could not be locked.
    """
    held: list[tuple[str, datetime, dict[str, Any]]] = []

    def try_once() -> bool:
        with _connection(owner_dsn) as reader:
            found = _snapshot(owner_dsn, reader)
            if found is not None:
                held.append((*found, fingerprints.fingerprint(reader)))
        if not held:
            pause(_STEP_BACK)
        return bool(held)

    if not poll(try_once, within=_LOCKED_WITHIN):
        raise CheckFailed(
            f"trading database: expected to hold its tables still for a moment within "
            f"{_LOCKED_WITHIN.total_seconds():.0f} s, somebody holds one all the time",
            next_step="look in pg_locks for who does, then run this again",
        )
    return Moment(*held[0])


def _snapshot(owner_dsn: SecretStr, reader: Connection) -> tuple[str, datetime] | None:
    """Let `reader` see the moment; return its position and time, or None if there was a lock."""
    with _connection(owner_dsn) as look:
        tables = fingerprints.tables(look)
    with _connection(owner_dsn) as holder:
        try:
            # Nothing of this may look at a row before the lock: that would take the snapshot.
            holder.execute(f"SET LOCAL lock_timeout = {_LOCK_WITHIN_MILLISECONDS}")
            names = sql.SQL(", ").join(map(sql.Identifier, tables))
            holder.execute(sql.SQL("LOCK TABLE {} IN SHARE MODE").format(names))
        except psycopg.errors.LockNotAvailable:
            return None
        if fingerprints.tables(holder) != tables:
            return None  # one was made or dropped in between
        row = holder.execute(
            # With a number of its own this transaction's end stands in the log.
            "SELECT pg_export_snapshot(), pg_current_wal_insert_lsn()::text, clock_timestamp(),"
            " pg_current_xact_id()::text"
        ).fetchone()
        assert row is not None, "a function has a value"
        reader.execute(sql.SQL("SET TRANSACTION SNAPSHOT {}").format(sql.Literal(row[0])))
        return row[1], row[2]


@contextmanager
def _connection(dsn: SecretStr) -> Iterator[Connection]:
    with connect(dsn, application="moment", statement_within=_READ_WITHIN) as connection:
        connection.isolation_level = IsolationLevel.REPEATABLE_READ
        yield connection
