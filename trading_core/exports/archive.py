"""Tables of a database as one zip: a CSV each, and a manifest that says what must be in them.

All tables are read in one snapshot. The same content gives the same bytes, whenever it is written,
so that an export that is there already can be recognised.
"""

import hashlib
import json
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from psycopg import Connection, sql

from trading_core import durable

# The earliest a zip can say: an export has no time of its own, what is in it has.
_NO_TIME = (1980, 1, 1, 0, 0, 0)
MANIFEST = "manifest.json"


@dataclass(frozen=True, slots=True)
class Extract:
    """One table, or the part of it that is wanted.

    Attributes:
        at: A column that says when; with it only the rows of the archive's span are taken.
    """

    table: str
    at: str | None = None


@dataclass(frozen=True, slots=True)
class WallSpan:
    """Wall time from `starts` on and before `ends`."""

    starts: datetime
    ends: datetime


def write_archive(
    connection: Connection,
    path: Path,
    extracts: Sequence[Extract],
    facts: Mapping[str, object],
    span: WallSpan | None = None,
) -> None:
    """Write the zip of some tables, in the place of an earlier one, in a single step.

    Args:
        connection: With a transaction under way whose snapshot is the export's.
        facts: Written into the manifest.
        span: Bounds the extracts that say when.
    """
    content: dict[str, object] = {}
    with durable.replacing(path) as file, zipfile.ZipFile(file, "w") as archive:
        for one in extracts:
            content[f"{one.table}.csv"] = _copy(connection, archive, one, span)
        text = json.dumps({**facts, "files": content}, indent=2, sort_keys=True, default=str)
        archive.writestr(_entry(MANIFEST), text)


def manifest_of(path: Path) -> dict[str, Any] | None:
    """Return what an archive says of itself; None when it is not there, torn, or not what it says.

    Every file in it is read and held against its checksum.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            told: dict[str, Any] = json.loads(archive.read(MANIFEST))
            whole = all(
                _sha256(archive, name) == file["sha256"] for name, file in told["files"].items()
            )
    except (OSError, zipfile.BadZipFile, KeyError, ValueError):
        return None
    return told if whole else None


def _copy(
    connection: Connection, archive: zipfile.ZipFile, extract: Extract, span: WallSpan | None
) -> dict[str, object]:
    where: sql.Composable = sql.SQL("")
    if extract.at is not None and span is not None:
        at = sql.Identifier(extract.at)
        where = sql.SQL("WHERE {} >= {} AND {} < {}").format(at, span.starts, at, span.ends)
    command = sql.SQL(
        "COPY (SELECT * FROM {} {} ORDER BY {}) TO STDOUT WITH (FORMAT csv, HEADER)"
    ).format(sql.Identifier(extract.table), where, _key(connection, extract.table))
    digest = hashlib.sha256()
    with (
        archive.open(_entry(f"{extract.table}.csv"), "w", force_zip64=True) as target,
        connection.cursor() as cursor,
    ):
        with cursor.copy(command) as lines:
            for line in lines:
                target.write(line)
                digest.update(line)
        return {"rows": cursor.rowcount, "sha256": digest.hexdigest()}


def _key(connection: Connection, table: str) -> sql.Composable:
    """Return the columns of a table's primary key; its rows are written in that order."""
    columns = connection.execute(
        "SELECT attname FROM pg_index JOIN pg_attribute ON attrelid = indrelid"
        " AND attnum = ANY (indkey) WHERE indrelid = %s::regclass AND indisprimary"
        " ORDER BY array_position(indkey::smallint[], attnum)",
        [table],
    ).fetchall()
    return sql.SQL(", ").join(sql.Identifier(name) for (name,) in columns)


def _entry(name: str) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(name, _NO_TIME)
    entry.compress_type = zipfile.ZIP_DEFLATED
    return entry


def _sha256(archive: zipfile.ZipFile, name: str) -> str:
    with archive.open(name) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()  # type: ignore[arg-type]
