"""Incidents: one record each, a timeline that is only appended to, and a question for a person.

An incident is about a subject, mostly an episode of an alert; the same subject never has two.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from psycopg import Connection
from psycopg.rows import class_row
from psycopg.types.json import Jsonb

from trading_core.clock import EXCHANGE_ZONE

Severity = Literal["P0", "P1", "P2", "P3"]
Status = Literal["open", "asking", "closed"]

# Any number, the same in every process: numbers of a day are given one after the other.
_NUMBER_LOCK = 7_310_011
_COLUMNS = (
    "id, subject, runbook, title, severity, status, opened_at, began_at, detected_at,"
    " contained_at, closed_at, question, outcome"
)


@dataclass(frozen=True, slots=True)
class Opening:
    """What an incident begins with. Times are wall times.

    Attributes:
        subject: The episode, or what a person calls it.
        began_at: When the condition began to hold; `detected_at` when we heard of it.
        contained_at: When trading was confirmed stopped; None when it is not, or need not be.
    """

    subject: str
    runbook: str
    title: str
    severity: Severity
    began_at: datetime
    detected_at: datetime
    contained_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Incident:
    """One incident as it stands."""

    id: str
    subject: str
    runbook: str
    title: str
    severity: Severity
    status: Status
    opened_at: datetime
    began_at: datetime
    detected_at: datetime
    contained_at: datetime | None
    closed_at: datetime | None
    question: str
    outcome: str

    @property
    def detection_seconds(self) -> float:
        """From the condition's begin to our hearing of it."""
        return (self.detected_at - self.began_at).total_seconds()

    @property
    def containment_seconds(self) -> float | None:
        """From our hearing of it to trading confirmed stopped; None: not contained."""
        if self.contained_at is None:
            return None
        return (self.contained_at - self.detected_at).total_seconds()


@dataclass(frozen=True, slots=True)
class TimelineEntry:
    """One line of an incident's timeline."""

    at: datetime
    entry: str
    words: str
    facts: Mapping[str, Any]


def open_incident(connection: Connection, opening: Opening) -> Incident:
    """Return the incident of a subject, opened with the day's next number unless there is one."""
    connection.execute("SELECT pg_advisory_xact_lock(%s)", (_NUMBER_LOCK,))
    day = opening.detected_at.astimezone(EXCHANGE_ZONE).strftime("%Y%m%d")
    row = connection.execute(
        "SELECT coalesce(max(split_part(id, '-', 3)::integer), 0) FROM incidents WHERE id LIKE %s",
        (f"INC-{day}-%",),
    ).fetchone()
    assert row is not None, "an aggregate has a row"
    connection.execute(
        "INSERT INTO incidents (id, subject, runbook, title, severity, began_at, detected_at,"
        " contained_at) VALUES (%s, %s, %s, %s, %s, %s, %s, %s) ON CONFLICT (subject) DO NOTHING",
        (
            f"INC-{day}-{row[0] + 1:03d}",
            opening.subject,
            opening.runbook,
            opening.title,
            opening.severity,
            opening.began_at,
            opening.detected_at,
            opening.contained_at,
        ),
    )
    found = about(connection, opening.subject)
    assert found is not None, "it was inserted, or was there"
    return found


def about(connection: Connection, subject: str) -> Incident | None:
    """Return the incident of a subject, or None."""
    return _one(connection, "subject", subject)


def find(connection: Connection, incident_id: str) -> Incident | None:
    """Return one incident by its id, or None."""
    return _one(connection, "id", incident_id)


def not_closed(connection: Connection) -> list[Incident]:
    """Return the incidents that are open or ask something, the oldest first."""
    with connection.cursor(row_factory=class_row(Incident)) as cursor:
        cursor.execute(
            f"SELECT {_COLUMNS} FROM incidents WHERE status <> 'closed' ORDER BY opened_at"
        )
        return cursor.fetchall()


def closed_since(connection: Connection, since: datetime) -> list[Incident]:
    """Return the incidents that were closed after a moment, in that order."""
    with connection.cursor(row_factory=class_row(Incident)) as cursor:
        cursor.execute(
            f"SELECT {_COLUMNS} FROM incidents WHERE closed_at >= %s ORDER BY closed_at, id",
            (since,),
        )
        return cursor.fetchall()


def set_contained(connection: Connection, incident_id: str, at: datetime) -> None:
    """Write down when trading was confirmed stopped; the first time counts."""
    connection.execute(
        "UPDATE incidents SET contained_at = coalesce(contained_at, %s) WHERE id = %s",
        (at, incident_id),
    )


def ask(connection: Connection, incident_id: str, question: str) -> None:
    """Have an incident that is not closed ask a person something."""
    connection.execute(
        "UPDATE incidents SET status = 'asking', question = %s"
        " WHERE id = %s AND status <> 'closed'",
        (question, incident_id),
    )


def close(connection: Connection, incident_id: str, outcome: str) -> None:
    """Close an incident, with what came of it; closing it again changes nothing."""
    connection.execute(
        "UPDATE incidents SET status = 'closed', outcome = %s, closed_at = clock_timestamp()"
        " WHERE id = %s AND status <> 'closed'",
        (outcome, incident_id),
    )


def note(
    connection: Connection,
    incident_id: str,
    entry: str,
    words: str,
    facts: Mapping[str, Any] | None = None,
) -> None:
    """Append a line to the timeline, unless the same entry is there."""
    connection.execute(
        "INSERT INTO incident_timeline (incident, entry, words, facts) VALUES (%s, %s, %s, %s)"
        " ON CONFLICT (incident, entry) DO NOTHING",
        (incident_id, entry, words, Jsonb(dict(facts or {}))),
    )


def timeline(connection: Connection, incident_id: str) -> list[TimelineEntry]:
    """Return the timeline, the oldest line first."""
    with connection.cursor(row_factory=class_row(TimelineEntry)) as cursor:
        cursor.execute(
            "SELECT at, entry, words, facts FROM incident_timeline WHERE incident = %s"
            " ORDER BY seq",
            (incident_id,),
        )
        return cursor.fetchall()


def _one(connection: Connection, column: Literal["id", "subject"], value: str) -> Incident | None:
    with connection.cursor(row_factory=class_row(Incident)) as cursor:
        cursor.execute(f"SELECT {_COLUMNS} FROM incidents WHERE {column} = %s", (value,))
        return cursor.fetchone()
