"""Configuration that moves money: versioned, approved by somebody, never changed in place.

A body holds JSON. Numbers that are not whole are kept as strings, so that no reader can turn one
into a float: `{"position_size_multiplier": "0.8"}`.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from psycopg import Connection
from psycopg.rows import class_row
from psycopg.types.json import Jsonb

RISK_LIMITS = "risk_limits"
STRATEGY = "strategy"
DESK = "desk"

_COLUMNS = "kind, name, version, sha256, body, approved_by, reason, approved_at"


@dataclass(frozen=True, slots=True)
class ConfigVersion:
    """One version of one piece of configuration. `sha256` is that of the canonical body."""

    kind: str
    name: str
    version: int
    sha256: str
    body: dict[str, Any]
    approved_by: str
    reason: str
    approved_at: datetime


def install(
    connection: Connection,
    kind: str,
    name: str,
    body: Mapping[str, Any],
    *,
    approved_by: str,
    reason: str,
) -> ConfigVersion:
    """Make `body` the newest version, and return it; when it already is, nothing changes.

    Needs the owner's role. Two callers at once install it once.
    """
    connection.execute(
        "SELECT pg_advisory_xact_lock(hashtext('config_versions'), hashtext(%s))",
        (f"{kind}/{name}",),
    )
    present = newest(connection, kind, name)
    digest = sha256_of(body)
    if present is not None and present.sha256 == digest:
        return present
    with connection.cursor(row_factory=class_row(ConfigVersion)) as cursor:
        cursor.execute(
            "INSERT INTO config_versions (kind, name, version, sha256, body, approved_by, reason)"
            f" VALUES (%s, %s, %s, %s, %s, %s, %s) RETURNING {_COLUMNS}",
            (
                kind,
                name,
                1 if present is None else present.version + 1,
                digest,
                Jsonb(json.loads(_canonical(body))),
                approved_by,
                reason,
            ),
        )
        installed = cursor.fetchone()
        assert installed is not None, "an INSERT that returns has a row"
        return installed


def newest(connection: Connection, kind: str, name: str) -> ConfigVersion | None:
    """Return the version in force, or None when there never was one."""
    with connection.cursor(row_factory=class_row(ConfigVersion)) as cursor:
        cursor.execute(
            f"SELECT {_COLUMNS} FROM config_versions WHERE kind = %s AND name = %s"
            " ORDER BY version DESC LIMIT 1",
            (kind, name),
        )
        return cursor.fetchone()


def newest_of_kind(connection: Connection, kind: str) -> list[ConfigVersion]:
    """Return the version in force of every name of a kind, by name."""
    with connection.cursor(row_factory=class_row(ConfigVersion)) as cursor:
        cursor.execute(
            f"SELECT DISTINCT ON (name) {_COLUMNS} FROM config_versions WHERE kind = %s"
            " ORDER BY name, version DESC",
            (kind,),
        )
        return cursor.fetchall()


def sha256_of(body: Mapping[str, Any]) -> str:
    """Return the fingerprint of a body: the same for the same content in any order."""
    return hashlib.sha256(_canonical(body).encode()).hexdigest()


def _canonical(body: Mapping[str, Any]) -> str:
    return json.dumps(body, sort_keys=True, separators=(",", ":"), default=_plain)


def _plain(value: object) -> str:
    if isinstance(value, Decimal):
        return str(value)
    raise TypeError(f"configuration: expected JSON values and Decimal, was {type(value).__name__}")
