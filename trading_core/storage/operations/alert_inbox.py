"""The durable inbox of alerts: one row for each episode, however often it is delivered.

Whoever answers Alertmanager writes here first; whoever starts runbooks reads here. Between the two
anything may die.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from psycopg import Connection
from psycopg.rows import class_row
from psycopg.types.json import Jsonb

_COLUMNS = (
    "episode, alert_name, runbook, severity, labels, annotations, starts_at, received_at,"
    " protection, protected_at, protection_held, protection_said, resolved_at, notified, run_id,"
    " attempts, trouble"
)


@dataclass(frozen=True, slots=True)
class Episode:
    """One firing of one alert.

    Attributes:
        episode: Name, fingerprint and start of the alert: the same at every repetition.
        runbook: What answers it; empty: nothing does.
        starts_at: When the condition began to hold.
        received_at: When the gateway first heard of it.
        protection: The protective step its rule names; empty: none.
        protected_at: When that had been done; `protection_held` whether a second look saw it.
        resolved_at: When the condition ended; None while it holds.
        notified: How often it was delivered.
        run_id: Of the runbook's run, once it was started.
    """

    episode: str
    alert_name: str
    runbook: str
    severity: str
    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    starts_at: datetime
    received_at: datetime
    protection: str = ""
    protected_at: datetime | None = None
    protection_held: bool = False
    protection_said: str = ""
    resolved_at: datetime | None = None
    notified: int = 1
    run_id: str | None = None
    attempts: int = 0
    trouble: str = ""


def receive(connection: Connection, one: Episode) -> None:
    """Write an episode down, or what a repetition adds to it: its end, a protective step done.

    A protective step that is confirmed is never forgotten for one that is not.
    """
    connection.execute(
        "INSERT INTO alert_episodes (episode, alert_name, runbook, severity, labels, annotations,"
        " starts_at, received_at, protection, protected_at, protection_held, protection_said,"
        " resolved_at) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)"
        " ON CONFLICT (episode) DO UPDATE SET notified = alert_episodes.notified + 1,"
        " resolved_at = coalesce(alert_episodes.resolved_at, excluded.resolved_at),"
        " protected_at = CASE WHEN alert_episodes.protection_held"
        "   THEN alert_episodes.protected_at"
        "   ELSE coalesce(excluded.protected_at, alert_episodes.protected_at) END,"
        " protection_said = CASE WHEN alert_episodes.protection_held"
        "   OR excluded.protected_at IS NULL"
        "   THEN alert_episodes.protection_said ELSE excluded.protection_said END,"
        " protection_held = alert_episodes.protection_held OR excluded.protection_held",
        (
            one.episode,
            one.alert_name,
            one.runbook,
            one.severity,
            Jsonb(dict(one.labels)),
            Jsonb(dict(one.annotations)),
            one.starts_at,
            one.received_at,
            one.protection,
            one.protected_at,
            one.protection_held,
            one.protection_said,
            one.resolved_at,
        ),
    )


def set_protection(
    connection: Connection, episode: str, at: datetime, held: bool, said: str
) -> None:
    """Write down what a protective step that was taken again came to."""
    connection.execute(
        "UPDATE alert_episodes SET protected_at = %s, protection_held = %s, protection_said = %s"
        " WHERE episode = %s",
        (at, held, said, episode),
    )


def find(connection: Connection, episode: str) -> Episode | None:
    """Return one episode, or None."""
    found = _select(connection, "WHERE episode = %s", episode)
    return found[0] if found else None


def firing(connection: Connection) -> list[Episode]:
    """Return the episodes that have not ended, the oldest first."""
    return _select(connection, "WHERE resolved_at IS NULL ORDER BY starts_at")


def to_start(connection: Connection) -> list[Episode]:
    """Return the episodes whose runbook is to be started now, the oldest first."""
    return _select(
        connection,
        "WHERE run_id IS NULL AND runbook <> '' AND next_attempt_at <= clock_timestamp()"
        " ORDER BY received_at LIMIT 20",
    )


def set_started(connection: Connection, episode: str, run_id: str) -> None:
    """Write down which run answers an episode."""
    connection.execute(
        "UPDATE alert_episodes SET run_id = %s, started_at = clock_timestamp(), trouble = '',"
        " attempts = attempts + 1 WHERE episode = %s AND run_id IS NULL",
        (run_id, episode),
    )


def set_not_started(
    connection: Connection, episode: str, trouble: str, again_in: timedelta
) -> None:
    """Write down why no run could be started, and when to try again."""
    connection.execute(
        "UPDATE alert_episodes SET trouble = %s, attempts = attempts + 1,"
        " next_attempt_at = clock_timestamp() + %s WHERE episode = %s AND run_id IS NULL",
        (trouble, again_in, episode),
    )


def resolutions_to_tell(connection: Connection) -> list[Episode]:
    """Return the ended episodes whose incident, which exists, has not heard of the end."""
    return _select(
        connection,
        "WHERE resolved_at IS NOT NULL AND NOT resolution_told"
        " AND EXISTS (SELECT FROM incidents WHERE subject = episode) ORDER BY resolved_at",
    )


def set_resolution_told(connection: Connection, episode: str) -> None:
    """Write down that the incident knows of the episode's end."""
    connection.execute(
        "UPDATE alert_episodes SET resolution_told = true WHERE episode = %s", (episode,)
    )


def waiting(connection: Connection) -> int:
    """Return how many episodes have a runbook that was not started yet."""
    row = connection.execute(
        "SELECT count(*) FROM alert_episodes WHERE run_id IS NULL AND runbook <> ''"
    ).fetchone()
    assert row is not None, "an aggregate has a row"
    return int(row[0])


def _select(connection: Connection, where: str, *values: Any) -> list[Episode]:
    with connection.cursor(row_factory=class_row(Episode)) as cursor:
        cursor.execute(f"SELECT {_COLUMNS} FROM alert_episodes {where}", values)
        return cursor.fetchall()
