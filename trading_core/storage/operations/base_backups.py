"""The copies of the whole server in the catalogue of backups, which outlives what it describes."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from datetime import datetime
from pathlib import Path
from typing import Any

from psycopg import Connection
from psycopg.rows import dict_row
from psycopg.types.json import Jsonb

KIND = "base"
_COLUMNS = (
    "id, site, path, system_identifier, timeline, start_lsn::text, stop_lsn::text, started_at,"
    " finished_at, server_version, size_bytes, unpacked_bytes, files, state_lsn::text, state_at,"
    " state, bucket, uploaded_at, verified_at, restored_at, restore_seconds, removed_at,"
    " removed_because, bucket_emptied_at, held_by, held_until"
)


@dataclass(frozen=True, slots=True)
class Entry:
    """One base backup as the catalogue knows it. Times are wall times, aware.

    Attributes:
        start_lsn: The log is needed from here, as PostgreSQL writes positions; likewise the others.
        finished_at: The earliest moment it can be restored to.
        state_lsn: A position of the log at which no table could change.
        state: Rows and checksum of every table of the trading database at that position.
        bucket: The second place that has it; None: none has.
        restored_at: When it was restored and compared with `state`: it is good from then on.
        removed_at: When its files went; None: they should be at `path`.
        bucket_emptied_at: When the second copy went.
        held_until: It must not be removed before, because `held_by` restores from it.
    """

    id: str
    site: str
    path: Path
    system_identifier: str
    timeline: int
    start_lsn: str
    stop_lsn: str
    started_at: datetime
    finished_at: datetime
    server_version: str
    size_bytes: int
    unpacked_bytes: int
    files: Mapping[str, str]
    state_lsn: str
    state_at: datetime
    state: Mapping[str, Mapping[str, Any]]
    bucket: str | None = None
    uploaded_at: datetime | None = None
    verified_at: datetime | None = None
    restored_at: datetime | None = None
    restore_seconds: float | None = None
    removed_at: datetime | None = None
    removed_because: str | None = None
    bucket_emptied_at: datetime | None = None
    held_by: str | None = None
    held_until: datetime | None = None

    @property
    def is_good(self) -> bool:
        """Whether it is here and was proven by restoring it."""
        return self.restored_at is not None and self.removed_at is None


def save(connection: Connection, entry: Entry) -> None:
    """Write down a backup that was taken; taken anew, it takes the place of the one before."""
    connection.execute(
        "INSERT INTO backups (kind, id, site, path, system_identifier, timeline, start_lsn,"
        " stop_lsn, started_at, finished_at, server_version, size_bytes, unpacked_bytes, files,"
        " state_lsn, state_at, state)"
        " VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)"
        " ON CONFLICT (id) DO UPDATE SET path = excluded.path,"
        " system_identifier = excluded.system_identifier, timeline = excluded.timeline,"
        " start_lsn = excluded.start_lsn, stop_lsn = excluded.stop_lsn,"
        " started_at = excluded.started_at, finished_at = excluded.finished_at,"
        " server_version = excluded.server_version, size_bytes = excluded.size_bytes,"
        " unpacked_bytes = excluded.unpacked_bytes, files = excluded.files,"
        " state_lsn = excluded.state_lsn, state_at = excluded.state_at, state = excluded.state,"
        " bucket = NULL, uploaded_at = NULL, verified_at = NULL, restored_at = NULL,"
        " restore_seconds = NULL, removed_at = NULL, removed_because = NULL,"
        " bucket_emptied_at = NULL, recorded_at = clock_timestamp()",
        (
            *(KIND, entry.id, entry.site, str(entry.path), entry.system_identifier, entry.timeline),
            *(entry.start_lsn, entry.stop_lsn, entry.started_at, entry.finished_at),
            *(entry.server_version, entry.size_bytes, entry.unpacked_bytes),
            *(Jsonb(dict(entry.files)), entry.state_lsn, entry.state_at, Jsonb(dict(entry.state))),
        ),
    )


def know_again(connection: Connection, entry: Entry, *, here: bool) -> None:
    """Write down a backup that a place told of, with all that was known of it there.

    Args:
        here: Whether its files lie at `path`; otherwise they are in the bucket only.
    """
    if find(connection, entry.id) is None:
        save(connection, entry)
    _set(
        connection,
        entry.id,
        "bucket = %s, uploaded_at = %s, verified_at = %s, restored_at = %s, restore_seconds = %s,"
        " path = %s, removed_at = CASE WHEN %s THEN NULL ELSE clock_timestamp() END,"
        " removed_because = CASE WHEN %s THEN NULL ELSE 'in the bucket only' END,"
        " bucket_emptied_at = NULL",
        *(entry.bucket, entry.uploaded_at, entry.verified_at, entry.restored_at),
        *(entry.restore_seconds, str(entry.path), here, here),
    )


def as_json(entry: Entry) -> dict[str, Any]:
    """Return a line of the catalogue as it lies beside its backup."""
    found = asdict(entry)
    return {name: _plain(value) for name, value in found.items()}


def of_json(found: Mapping[str, Any]) -> Entry:
    """Return the line of the catalogue that lay beside a backup."""
    times = {
        name: datetime.fromisoformat(value)
        for name, value in found.items()
        if name in _TIMES and value is not None
    }
    return Entry(**{**found, **times, "path": Path(found["path"])})


def find(connection: Connection, backup_id: str) -> Entry | None:
    """Return one backup, or None."""
    return next(iter(_select(connection, "AND id = %s", backup_id)), None)


def of_site(connection: Connection, site: str) -> list[Entry]:
    """Return every backup of a site that was not removed from both places, oldest first."""
    where = "AND site = %s AND (removed_at IS NULL OR bucket_emptied_at IS NULL) ORDER BY"
    return _select(connection, f"{where} finished_at", site)


def good(connection: Connection, site: str) -> list[Entry]:
    """Return the backups of a site that are here and were restored and compared, oldest first."""
    where = "AND site = %s AND removed_at IS NULL AND restored_at IS NOT NULL ORDER BY"
    return _select(connection, f"{where} finished_at", site)


def set_uploaded(connection: Connection, backup_id: str, bucket: str) -> None:
    """Write down which bucket has a copy."""
    _set(connection, backup_id, "bucket = %s, uploaded_at = clock_timestamp()", bucket)


def set_verified(connection: Connection, backup_id: str) -> None:
    """Write down that every file has its checksum."""
    _set(connection, backup_id, "verified_at = clock_timestamp()")


def set_restored(connection: Connection, backup_id: str, restore_seconds: float) -> None:
    """Write down that it was restored and compared, and how long that took."""
    columns = "restored_at = clock_timestamp(), restore_seconds = %s"
    _set(connection, backup_id, columns, restore_seconds)


def set_unusable(connection: Connection, backup_id: str) -> None:
    """Take back that a backup is good: it was found changed."""
    _set(connection, backup_id, "verified_at = NULL, restored_at = NULL")


def set_removed(connection: Connection, backup_id: str, because: str) -> None:
    """Write down that the files are gone, and why."""
    columns = "removed_at = clock_timestamp(), removed_because = %s"
    _set(connection, backup_id, columns, because)


def set_bucket_emptied(connection: Connection, backup_id: str) -> None:
    """Write down that the second copy is gone."""
    _set(connection, backup_id, "bucket_emptied_at = clock_timestamp(), bucket = NULL")


def hold(connection: Connection, backup_id: str, by: str, until: datetime) -> None:
    """Keep a backup from being removed while somebody restores from it."""
    _set(connection, backup_id, "held_by = %s, held_until = %s", by, until)


_TIMES = {field.name for field in fields(Entry) if field.name.endswith(("_at", "_until"))}


def _plain(value: object) -> object:
    if isinstance(value, datetime):
        return value.isoformat()
    return str(value) if isinstance(value, Path) else value


def _set(connection: Connection, backup_id: str, columns: str, *values: object) -> None:
    statement = f"UPDATE backups SET {columns} WHERE id = %s"
    connection.execute(statement.encode(), (*values, backup_id))


def _select(connection: Connection, where: str, *values: object) -> list[Entry]:
    with connection.cursor(row_factory=dict_row) as cursor:
        cursor.execute(
            f"SELECT {_COLUMNS} FROM backups WHERE kind = %s {where}".encode(), (KIND, *values)
        )
        return [Entry(**{**row, "path": Path(row["path"])}) for row in cursor.fetchall()]
