"""Recoveries: restores, failovers and drills, with what was measured beside the target."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from psycopg import Connection
from psycopg.rows import class_row
from psycopg.types.json import Jsonb

# Section 7 of the catalogue: back within half an hour, at most a quarter of an hour lost.
RTO_TARGET_SECONDS = 30 * 60.0
RPO_TARGET_SECONDS = 15 * 60.0


@dataclass(frozen=True, slots=True)
class Recovery:
    """One recovery. Times are wall times.

    Attributes:
        kind: restore, restore_test, failover, failback or drill.
        subject: What it was about, in the run's words.
        started_at: From here the recovery time is counted.
        parts: Seconds by part; they add up to about `rto_seconds`.
        rto_seconds: Until what was promised worked again.
        rpo_seconds: Of data that was not brought back; None: it could not be measured.
        outcome: In a sentence.
    """

    kind: str
    subject: str
    started_at: datetime
    parts: Mapping[str, float]
    rto_seconds: float
    rpo_seconds: float | None
    outcome: str
    rto_target_seconds: float = RTO_TARGET_SECONDS
    rpo_target_seconds: float = RPO_TARGET_SECONDS

    @property
    def within_targets(self) -> bool:
        """Whether both were measured and neither is over its target."""
        lost = self.rpo_seconds
        in_time = self.rto_seconds <= self.rto_target_seconds
        return in_time and lost is not None and lost <= self.rpo_target_seconds


def record(connection: Connection, recovery: Recovery) -> bool:
    """Write a recovery down; return False when it was already."""
    written = connection.execute(
        "INSERT INTO recoveries (kind, subject, started_at, parts, rto_seconds, rpo_seconds,"
        " rto_target_seconds, rpo_target_seconds, outcome)"
        " VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s)"
        " ON CONFLICT (kind, subject, started_at) DO NOTHING",
        (
            recovery.kind,
            recovery.subject,
            recovery.started_at,
            Jsonb(dict(recovery.parts)),
            recovery.rto_seconds,
            recovery.rpo_seconds,
            recovery.rto_target_seconds,
            recovery.rpo_target_seconds,
            recovery.outcome,
        ),
    )
    return written.rowcount == 1


def newest(connection: Connection, kind: str) -> Recovery | None:
    """Return the latest recovery of a kind, or None."""
    with connection.cursor(row_factory=class_row(Recovery)) as cursor:
        cursor.execute(
            "SELECT kind, subject, started_at, parts, rto_seconds, rpo_seconds, outcome,"
            " rto_target_seconds, rpo_target_seconds FROM recoveries WHERE kind = %s"
            " ORDER BY started_at DESC LIMIT 1",
            (kind,),
        )
        return cursor.fetchone()
