"""When the steps of a runbook were begun and proven, across the runs it took, from the ledger."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from psycopg import Connection
from psycopg.rows import class_row


@dataclass(frozen=True, slots=True)
class Taken:
    """One line of the ledger.

    Attributes:
        step: The action's name.
        kind: As in the ledger: intent, effect, proof ...
    """

    step: str
    kind: str
    at: datetime
    facts: dict[str, Any]


def since(connection: Connection, runbook: str, subject: str, moment: datetime) -> list[Taken]:
    """Return what was written of a runbook on a subject after `moment`, oldest first."""
    with connection.cursor(row_factory=class_row(Taken)) as cursor:
        cursor.execute(
            "SELECT split_part(replace(key, runbook || '/' || subject || '/', ''), '/', 1) AS step,"
            " kind, at, facts FROM effect_ledger"
            " WHERE runbook = %s AND subject = %s AND at > %s ORDER BY seq",
            [runbook, subject, moment],
        )
        return cursor.fetchall()
