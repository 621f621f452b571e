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


def latest(connection: Connection) -> Trip | None:
    """Return the last time the breaker went from closed to open; None: it never did."""
    with connection.cursor(row_factory=class_row(Trip)) as cursor:
        cursor.execute(
            "SELECT actor, reason, changed_at FROM (SELECT id, actor, reason, changed_at, breaker,"
            "  lag(breaker, 1, 'CLOSED') OVER (ORDER BY id) AS before FROM trading_state) AS words"
            " WHERE breaker = 'OPEN' AND before = 'CLOSED' ORDER BY id DESC LIMIT 1"
        )
        return cursor.fetchone()
