"""Tokens of the control API as we keep them: whose, for what, until when, and a hash."""

from psycopg import Connection
from psycopg.rows import dict_row

from trading_core.access.api_token import Caller, Scope

_SELECT = """
    SELECT t.id, t.name, t.scopes, t.secret_sha256, t.calls_per_minute, t.valid_until, t.person,
           r.revoked_at
    FROM api_tokens t LEFT JOIN api_token_revocations r USING (id)
"""


def add(connection: Connection, caller: Caller, *, issued_by: str) -> None:
    """Write a token's hash down."""
    connection.execute(
        "INSERT INTO api_tokens"
        " (id, name, scopes, secret_sha256, calls_per_minute, valid_until, person, issued_by)"
        " VALUES (%s, %s, %s, %s, %s, %s, %s, %s)",
        (
            caller.id,
            caller.name,
            sorted(caller.scopes),
            caller.secret_sha256,
            caller.calls_per_minute,
            caller.valid_until,
            caller.person,
            issued_by,
        ),
    )


def revoke(connection: Connection, token_ids: list[str], *, revoked_by: str) -> int:
    """Revoke tokens that are in force; return how many were."""
    return connection.execute(
        "INSERT INTO api_token_revocations (id, revoked_by)"
        " SELECT id, %s FROM api_tokens WHERE id = ANY(%s) ON CONFLICT DO NOTHING",
        (revoked_by, token_ids),
    ).rowcount


def callers(connection: Connection) -> tuple[Caller, ...]:
    """Return the holder of every token ever issued, the oldest first."""
    return _read(connection, "ORDER BY t.issued_at, t.id", ())


def caller(connection: Connection, token_id: str) -> Caller | None:
    """Return the holder of a token, or None."""
    return next(iter(_read(connection, "WHERE t.id = %s", (token_id,))), None)


def _read(connection: Connection, where: str, values: tuple[object, ...]) -> tuple[Caller, ...]:
    with connection.cursor(row_factory=dict_row) as cursor:
        cursor.execute((_SELECT + where).encode(), values)
        return tuple(
            Caller(**row | {"scopes": frozenset(map(Scope, row["scopes"]))})
            for row in cursor.fetchall()
        )
