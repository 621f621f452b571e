"""What happened in a span of wall time: alerts, incidents, backups, maintenance, for reports."""

from dataclasses import dataclass
from datetime import datetime
from typing import LiteralString, TypeVar

from psycopg import Connection
from psycopg.rows import class_row

_RowT = TypeVar("_RowT")

_ALERTS = """
    SELECT alert_name AS name, severity, starts_at, received_at, resolved_at, runbook,
           least(protected_at, started_at) AS answered_at
    FROM alert_episodes WHERE received_at >= %s AND received_at < %s ORDER BY received_at, episode
"""
_INCIDENTS = """
    SELECT id, severity, title, status, began_at, detected_at, contained_at, closed_at
    FROM incidents WHERE opened_at >= %s AND opened_at < %s ORDER BY opened_at, id
"""
_COPIES = """
    SELECT id, kind, size_bytes, finished_at AS taken_at, restored_at, restore_seconds
    FROM backups WHERE finished_at >= %s AND finished_at < %s ORDER BY finished_at, id
"""

# Whatever a maintenance runbook changed, one row for each run of it.
_MAINTENANCE = """
    SELECT runbook, min(actor) AS actor, min(at) AS began_at, max(at) AS ended_at,
           count(*) FILTER (WHERE kind = 'proof') AS changes,
           bool_or(kind IN ('failed', 'unproven')) AS failed
    FROM effect_ledger WHERE at >= %s AND at < %s AND runbook = ANY(%s)
    GROUP BY run_id, runbook ORDER BY began_at, runbook
"""
# Their changes are maintenance: what a log of it is made of (REP-12).
MAINTENANCE = (
    *("maintenance-window", "maintain-database", "clean-up", "monthly-maintenance"),
    *("quarterly-maintenance", "restart-service", "start-system", "stop-system"),
    *("rotate-broker-key", "rotate-database-password", "restore-database"),
    *("back-up-binaries", "fail-over", "fail-back", "rejoin-site"),
)


@dataclass(frozen=True, slots=True)
class Alert:
    """One firing of one alert. Times are wall times.

    Attributes:
        runbook: What answers it; empty: nothing does.
        answered_at: When the first answer was made, protection or runbook; None: none was.
        resolved_at: None while it fires.
    """

    name: str
    severity: str
    starts_at: datetime
    received_at: datetime
    resolved_at: datetime | None
    runbook: str
    answered_at: datetime | None

    @property
    def response_seconds(self) -> float | None:
        """From the first moment the condition held to the first answer; None without one."""
        if self.answered_at is None:
            return None
        return (self.answered_at - self.starts_at).total_seconds()


@dataclass(frozen=True, slots=True)
class Incident:
    """One incident. Times are wall times; None: not yet."""

    id: str
    severity: str
    title: str
    status: str
    began_at: datetime
    detected_at: datetime
    contained_at: datetime | None
    closed_at: datetime | None


@dataclass(frozen=True, slots=True)
class Copy:
    """One backup that was taken, of the server or of a day. Times are wall times.

    Attributes:
        restored_at: When it was restored and compared; None: it was not.
        restore_seconds: What that took; None where it was not timed.
    """

    id: str
    kind: str
    size_bytes: int
    taken_at: datetime
    restored_at: datetime | None
    restore_seconds: float | None


@dataclass(frozen=True, slots=True)
class Maintenance:
    """One run of a maintenance runbook that changed something. Times are wall times.

    Attributes:
        changes: How many of its changes were proven.
        failed: Whether one of them failed, or could not be seen to hold.
    """

    runbook: str
    actor: str
    began_at: datetime
    ended_at: datetime
    changes: int
    failed: bool


@dataclass(frozen=True, slots=True)
class Happenings:
    """What happened in a span, each kind in time order."""

    alerts: tuple[Alert, ...] = ()
    incidents: tuple[Incident, ...] = ()
    copies: tuple[Copy, ...] = ()
    maintenance: tuple[Maintenance, ...] = ()


NOTHING = Happenings()


def between(connection: Connection, starts: datetime, ends: datetime) -> Happenings:
    """Return what was received, opened and taken from `starts` on and before `ends`."""
    return Happenings(
        alerts=_rows(connection, Alert, _ALERTS, starts, ends),
        incidents=_rows(connection, Incident, _INCIDENTS, starts, ends),
        copies=_rows(connection, Copy, _COPIES, starts, ends),
        maintenance=_rows(connection, Maintenance, _MAINTENANCE, starts, ends, list(MAINTENANCE)),
    )


def _rows(
    connection: Connection,
    kind: type[_RowT],
    query: LiteralString,
    *span: datetime | list[str],
) -> tuple[_RowT, ...]:
    with connection.cursor(row_factory=class_row(kind)) as cursor:
        return tuple(cursor.execute(query, span).fetchall())
