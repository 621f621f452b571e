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

import psycopg
from psycopg import Connection
from psycopg.rows import class_row
from psycopg.types.json import Jsonb

from trading_core.errors import CheckFailed

RISK_LIMITS = "risk_limits"
STRATEGY = "strategy"
DESK = "desk"

_COLUMNS = (
    "kind, name, version, sha256, body, approved_by, reason, approved_at, changed_by, valid_until"
)
# A version that has ended is as if it had never been.
_IN_FORCE = "(valid_until IS NULL OR valid_until > clock_timestamp())"


@dataclass(frozen=True, slots=True)
class ConfigVersion:
    """One version of one piece of configuration.

    Attributes:
        sha256: Of the canonical body.
        changed_by: Who asked for it; empty: whoever approved it.
        valid_until: Wall time at which the version before it is in force again; None: never.
    """

    kind: str
    name: str
    version: int
    sha256: str
    body: dict[str, Any]
    approved_by: str
    reason: str
    approved_at: datetime
    changed_by: str = ""
    valid_until: datetime | None = None


@dataclass(frozen=True, slots=True)
class LimitsChange:
    """Another set of the desk's limits, and on whose word.

    Attributes:
        base: The version it was made from, still in force or nothing is changed.
        approved_by: The second person; empty where nothing is loosened.
    """

    body: Mapping[str, Any]
    base: int
    changed_by: str
    approved_by: str
    reason: str
    valid_until: datetime | None = None


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
            " SELECT %(kind)s, %(name)s, coalesce(max(version), 0) + 1, %(digest)s, %(body)s,"
            " %(approved_by)s, %(reason)s"
            f" FROM config_versions WHERE kind = %(kind)s AND name = %(name)s RETURNING {_COLUMNS}",
            {
                "kind": kind,
                "name": name,
                "digest": digest,
                "body": _stored(body),
                "approved_by": approved_by,
                "reason": reason,
            },
        )
        installed = cursor.fetchone()
        assert installed is not None, "an INSERT that returns has a row"
        return installed


def change_limits(connection: Connection, change: LimitsChange) -> ConfigVersion:
    """Put another version of the desk's limits in force, and return it. The application may.

    Raises:
        CheckFailed: Another version came in between.
        psycopg.errors.CheckViolation: It loosens a limit on one person's word.
    """
    try:
        connection.execute(
            "SELECT change_risk_limits(%s, %s, %s, %s, %s, %s, %s)",
            (
                _stored(change.body),
                sha256_of(change.body),
                change.base,
                change.changed_by,
                change.approved_by,
                change.reason,
                change.valid_until,
            ),
        )
    except psycopg.errors.SerializationFailure as error:
        raise CheckFailed(
            f"risk limits: expected to change version {change.base}: {error.diag.message_primary}",
            next_step="look at the limits in force again, and decide anew",
        ) from error
    present = newest(connection, RISK_LIMITS, DESK)
    assert present is not None, "a version was just written"
    return present


def newest(connection: Connection, kind: str, name: str) -> ConfigVersion | None:
    """Return the version in force, or None when there never was one."""
    with connection.cursor(row_factory=class_row(ConfigVersion)) as cursor:
        cursor.execute(
            f"SELECT {_COLUMNS} FROM config_versions WHERE kind = %s AND name = %s"
            f" AND {_IN_FORCE} ORDER BY version DESC LIMIT 1",
            (kind, name),
        )
        return cursor.fetchone()


def newest_of_kind(connection: Connection, kind: str) -> list[ConfigVersion]:
    """Return the version in force of every name of a kind, by name."""
    with connection.cursor(row_factory=class_row(ConfigVersion)) as cursor:
        cursor.execute(
            f"SELECT DISTINCT ON (name) {_COLUMNS} FROM config_versions WHERE kind = %s"
            f" AND {_IN_FORCE} ORDER BY name, version DESC",
            (kind,),
        )
        return cursor.fetchall()


def versions(connection: Connection, kind: str, name: str, limit: int) -> list[ConfigVersion]:
    """Return the last versions of one piece, the newest first, those that have ended too."""
    with connection.cursor(row_factory=class_row(ConfigVersion)) as cursor:
        cursor.execute(
            f"SELECT {_COLUMNS} FROM config_versions WHERE kind = %s AND name = %s"
            " ORDER BY version DESC LIMIT %s",
            (kind, name, limit),
        )
        return cursor.fetchall()


def sha256_of(body: Mapping[str, Any]) -> str:
    """Return the fingerprint of a body: the same for the same content in any order."""
    return hashlib.sha256(_canonical(body).encode()).hexdigest()


def _stored(body: Mapping[str, Any]) -> Jsonb:
    return Jsonb(json.loads(_canonical(body)))


def _canonical(body: Mapping[str, Any]) -> str:
    return json.dumps(body, sort_keys=True, separators=(",", ":"), default=_plain)


def _plain(value: object) -> str:
    if isinstance(value, Decimal):
        return str(value)
    raise TypeError(f"configuration: expected JSON values and Decimal, was {type(value).__name__}")
