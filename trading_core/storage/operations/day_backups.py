"""The day's dumps in the catalogue of backups: where each is, and whether it was restored."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from psycopg import Connection
from psycopg.rows import dict_row
from psycopg.types.json import Jsonb

KIND = "end_of_day"
_SELECT = """
    SELECT id, site, kind, path, size_bytes, files->>'dump' AS sha256, state AS tables,
           finished_at AS taken_at, restored_at AS verified_at, removed_at, held_until
    FROM backups WHERE kind = %s
"""


@dataclass(frozen=True, slots=True)
class DayBackup:
    """One dump of the trading database. Times are wall times.

    Attributes:
        id: Derived from the day it is of, so that no day is backed up twice under two names.
        tables: Rows and checksum of every table in the snapshot that was dumped.
        taken_at: None before it is written down.
        verified_at: When it was restored and compared with `tables`; None before.
        removed_at: When its file went; None: it should be at `path`.
        held_until: It must not be removed before.
    """

    id: str
    site: str
    path: Path
    size_bytes: int
    sha256: str
    tables: Mapping[str, Mapping[str, Any]]
    kind: str = KIND
    taken_at: datetime | None = None
    verified_at: datetime | None = None
    removed_at: datetime | None = None
    held_until: datetime | None = None

    @property
    def finished_at(self) -> datetime:
        """When it was taken."""
        assert self.taken_at is not None, "it stands in the catalogue"
        return self.taken_at

    @property
    def restored_at(self) -> datetime | None:
        """When it was restored and compared."""
        return self.verified_at


def save(connection: Connection, backup: DayBackup) -> None:
    """Write a dump down; one of the same id that was lost and taken again takes its place."""
    connection.execute(
        "INSERT INTO backups (id, site, kind, path, size_bytes, files, state, state_at,"
        " started_at, finished_at)"
        " SELECT %s, %s, %s, %s, %s, %s, %s, at, at, at FROM clock_timestamp() AS at"
        " ON CONFLICT (id) DO UPDATE SET path = excluded.path, size_bytes = excluded.size_bytes,"
        " files = excluded.files, state = excluded.state, state_at = excluded.state_at,"
        " started_at = excluded.started_at, finished_at = excluded.finished_at,"
        " restored_at = NULL, removed_at = NULL, removed_because = NULL",
        (
            *(backup.id, backup.site, backup.kind, str(backup.path), backup.size_bytes),
            *(Jsonb({"dump": backup.sha256}), Jsonb(dict(backup.tables))),
        ),
    )


def set_verified(connection: Connection, backup_id: str) -> None:
    """Write down that a dump was restored, and every table was what it had been."""
    connection.execute(
        "UPDATE backups SET restored_at = clock_timestamp() WHERE id = %s", [backup_id]
    )


def set_unusable(connection: Connection, backup_id: str) -> None:
    """Take back that a dump is good: it was found changed."""
    connection.execute("UPDATE backups SET restored_at = NULL WHERE id = %s", [backup_id])


def set_removed(connection: Connection, backup_id: str, because: str) -> None:
    """Write down that the files of a dump are gone, and why."""
    connection.execute(
        "UPDATE backups SET removed_at = clock_timestamp(), removed_because = %s WHERE id = %s",
        (because, backup_id),
    )


def find(connection: Connection, backup_id: str) -> DayBackup | None:
    """Return one dump, or None."""
    return next(iter(_rows(connection, "AND id = %s", backup_id)), None)


def newest_of(connection: Connection, account: str, trading_date: str) -> DayBackup | None:
    """Return the newest dump of an account's day: end-of-day names it after both."""
    where = "AND strpos(id, %s) > 0 AND strpos(id, %s) > 0 ORDER BY finished_at DESC LIMIT 1"
    return next(iter(_rows(connection, where, account, trading_date)), None)


def of_site(connection: Connection, site: str) -> list[DayBackup]:
    """Return the dumps of a site that were not removed, oldest first."""
    where = "AND site = %s AND removed_at IS NULL ORDER BY finished_at"
    return _rows(connection, where, site)


def ever_of_site(connection: Connection, site: str) -> list[DayBackup]:
    """Return every dump of a site there ever was, oldest first."""
    return _rows(connection, "AND site = %s ORDER BY finished_at", site)


def take_over(connection: Connection, former: Connection, site: str) -> int:
    """Write down what the trading database's own catalogue has, which nobody writes to any more.

    Args:
        connection: To the operations database.
        former: To the trading database.

    Returns:
        How many dumps were not known here.
    """
    rows = former.execute(
        "SELECT id, kind, path, size_bytes, jsonb_build_object('dump', sha256),"
        " coalesce(rows_compared, '{}'), taken_at, verified_at FROM backups"
    ).fetchall()
    with connection.cursor() as cursor:
        cursor.executemany(
            "INSERT INTO backups (site, id, kind, path, size_bytes, files, state, state_at,"
            " started_at, finished_at, restored_at)"
            " VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s) ON CONFLICT (id) DO NOTHING",
            [
                (site, *row[:4], Jsonb(row[4]), Jsonb(row[5]), row[6], row[6], row[6], row[7])
                for row in rows
            ],
        )
        return max(cursor.rowcount, 0)


def _rows(connection: Connection, where: str, *values: object) -> list[DayBackup]:
    with connection.cursor(row_factory=dict_row) as cursor:
        cursor.execute(f"{_SELECT} {where}".encode(), (KIND, *values))
        return [DayBackup(**{**row, "path": Path(row["path"])}) for row in cursor.fetchall()]
