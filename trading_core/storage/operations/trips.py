"""How the circuit breaker came to be open: the words of whoever opened it, whoever spoke since."""

from dataclasses import dataclass
from datetime import datetime

from psycopg import Connection
from psycopg.rows import class_row


@dataclass(frozen=True, slots=True)
class Trip:
    """The opening of the breaker: who, why and when (wall time)."""

    actor: str
    reason: str
    changed_at: datetime


_OPENINGS = (
    "SELECT actor, reason, changed_at FROM (SELECT id, actor, reason, changed_at, breaker,"
    "  lag(breaker, 1, 'CLOSED') OVER (ORDER BY id) AS before FROM trading_state) AS words"
    " WHERE breaker = 'OPEN' AND before = 'CLOSED'"
)


def latest(connection: Connection) -> Trip | None:
    """Return the last time the breaker went from closed to open; None: it never did."""
    with connection.cursor(row_factory=class_row(Trip)) as cursor:
        cursor.execute(f"{_OPENINGS} ORDER BY id DESC LIMIT 1")
        return cursor.fetchone()


def since(connection: Connection, moment: datetime) -> list[Trip]:
    """Return the openings of the breaker since a moment of wall time, the oldest first."""
    with connection.cursor(row_factory=class_row(Trip)) as cursor:
        cursor.execute(f"{_OPENINGS} AND changed_at >= %s ORDER BY id", (moment,))
        return cursor.fetchall()
