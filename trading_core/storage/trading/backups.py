"""The catalogue of backups: which there are, where, and whether each was restored and compared."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from psycopg import Connection
from psycopg.rows import dict_row
from psycopg.types.json import Jsonb


@dataclass(frozen=True, slots=True)
class Backup:
    """One backup. Times are wall times.

    Attributes:
        id: Derived from what it is of, so that nothing is backed up twice under two names.
        verified_at: When it was restored and compared; None before.
        rows_compared: Per table, what was compared then.
    """

    id: str
    kind: str
    path: Path
    size_bytes: int
    sha256: str
    taken_at: datetime | None = None
    verified_at: datetime | None = None
    rows_compared: Mapping[str, Any] | None = None


def save(connection: Connection, backup: Backup) -> None:
    """Write a backup down; one of the same id that was lost and taken again takes its place."""
    connection.execute(
        "INSERT INTO backups (id, kind, path, size_bytes, sha256) VALUES (%s, %s, %s, %s, %s)"
        " ON CONFLICT (id) DO UPDATE SET path = excluded.path, size_bytes = excluded.size_bytes,"
        " sha256 = excluded.sha256, taken_at = clock_timestamp(), verified_at = NULL,"
        " rows_compared = NULL",
        (backup.id, backup.kind, str(backup.path), backup.size_bytes, backup.sha256),
    )


def set_verified(connection: Connection, backup_id: str, rows_compared: Mapping[str, Any]) -> None:
    """Write down that a backup was restored, and what was compared."""
    connection.execute(
        "UPDATE backups SET verified_at = clock_timestamp(), rows_compared = %s WHERE id = %s",
        (Jsonb(dict(rows_compared)), backup_id),
    )


def find(connection: Connection, backup_id: str) -> Backup | None:
    """Return one backup, or None."""
    with connection.cursor(row_factory=dict_row) as cursor:
        cursor.execute(
            "SELECT id, kind, path, size_bytes, sha256, taken_at, verified_at, rows_compared"
            " FROM backups WHERE id = %s",
            (backup_id,),
        )
        row = cursor.fetchone()
    return None if row is None else Backup(**{**row, "path": Path(row["path"])})
