"""The record of calls in PostgreSQL: append-only, hash-chained; it knows what a key stood for."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import datetime

from psycopg import Connection
from psycopg.rows import dict_row
from psycopg.types.json import Json

from trading_core import hash_chain
from trading_core.access.call import CallLine, Kind

# Any constant will do; it must be the same in every process that appends.
_CHAIN_LOCK = 7_310_002
_COLUMNS = (
    "seq, at, call_id, kind, caller_id, caller, actor, reason, endpoint, idempotency_key,"
    " fingerprint, status, facts, prev_hash, hash"
)
_INSERT = f"""
    INSERT INTO api_calls ({_COLUMNS})
    VALUES (%(seq)s, %(at)s, %(call_id)s, %(kind)s, %(caller_id)s, %(caller)s, %(actor)s,
            %(reason)s, %(endpoint)s, %(idempotency_key)s, %(fingerprint)s, %(status)s,
            %(facts)s, %(prev_hash)s, %(hash)s)
"""


@dataclass(frozen=True, slots=True)
class Before:
    """What was asked under an idempotency key before, and the answer, if there was one."""

    asked: CallLine
    answered: CallLine | None


def take_turn(connection: Connection) -> None:
    """Wait until nobody else writes; until this transaction ends nobody else will."""
    connection.execute("SELECT pg_advisory_xact_lock(%s)", (_CHAIN_LOCK,))


def append(connection: Connection, drafted: CallLine) -> bool:
    """Give a line its place after the last one; return False when it is there already."""
    take_turn(connection)
    there = connection.execute(
        "SELECT 1 FROM api_calls WHERE call_id = %s AND kind = %s", (drafted.call_id, drafted.kind)
    )
    if there.fetchone():
        return False
    last = connection.execute("SELECT seq, hash FROM api_calls ORDER BY seq DESC LIMIT 1")
    seq, prev_hash = last.fetchone() or (0, hash_chain.GENESIS)
    line = drafted.placed(seq + 1, prev_hash)
    connection.execute(_INSERT, asdict(line) | {"facts": Json(line.facts)})
    return True


def before(connection: Connection, caller_id: str, idempotency_key: str) -> Before | None:
    """Return what a caller asked last under a key, or None."""
    found = _read(
        connection,
        "WHERE caller_id = %s AND idempotency_key = %s AND kind <> 'refused'"
        " ORDER BY seq DESC LIMIT 2",
        (caller_id, idempotency_key),
    )
    lines = list(found)
    asked = next((line for line in lines if line.kind == Kind.ASKED), None)
    if asked is None:
        return None
    answers = (line for line in lines if line.kind == Kind.ANSWERED)
    return Before(asked, next((line for line in answers if line.call_id == asked.call_id), None))


def since(
    connection: Connection, seq: int, limit: int, start: datetime | None = None
) -> list[CallLine]:
    """Return lines after a place in the record and not before a time, oldest first."""
    where = "WHERE seq > %s AND at >= coalesce(%s::timestamptz, '-infinity')"
    return list(_read(connection, f"{where} ORDER BY seq LIMIT %s", (seq, start, limit)))


def verify(connection: Connection) -> int:
    """Recompute the chain; return its length.

    Raises:
        InvariantViolated: A line was changed, removed or slipped in.
    """
    return hash_chain.verify(_read(connection, "ORDER BY seq", ()), "record of calls")


def _read(connection: Connection, where: str, values: tuple[object, ...]) -> Iterator[CallLine]:
    with connection.cursor(row_factory=dict_row) as cursor:
        cursor.execute(f"SELECT {_COLUMNS} FROM api_calls {where}".encode(), values)
        for row in cursor:
            yield CallLine(**row)
