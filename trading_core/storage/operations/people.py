"""Personal tokens as we keep them: whose, for what, until when, and the public half only."""

from collections.abc import Mapping
from datetime import datetime

from psycopg import Connection
from psycopg.rows import dict_row

from trading_core.approval.judgement import Holder
from trading_core.approval.personal_token import folded
from trading_core.errors import CheckFailed

_COLUMNS = "key_id, name, scope, public_key, person, valid_until, revoked_at"


def add(connection: Connection, holder: Holder, *, added_by: str) -> None:
    """Write a token's public half down. Needs the owner of the schema.

    Raises:
        CheckFailed: The person has a token under another name, or the name is another person's.
    """
    for known in holders(connection).values():
        if known.revoked_at is None:
            _require_one_name(known, holder)
    connection.execute(
        "INSERT INTO personal_tokens"
        " (key_id, name, scope, public_key, person, valid_until, added_by)"
        " VALUES (%s, %s, %s, %s, %s, %s, %s)",
        (
            holder.key_id,
            holder.name,
            holder.scope,
            holder.public_key,
            holder.person,
            holder.valid_until,
            added_by,
        ),
    )


def _require_one_name(known: Holder, holder: Holder) -> None:
    """Keep a person from having two names, and two people from having one."""
    if (known.person == holder.person) is (folded(known.name) == folded(holder.name)):
        return
    raise CheckFailed(
        f"{holder.name}: expected one name for one person, found {known.name}, person "
        f"{known.person}, beside {holder.name}, person {holder.person}",
        next_step=f"correct name or number, or revoke first: tradeops people revoke '{known.name}'",
    )


def revoke(connection: Connection, key_ids: list[str], *, revoked_by: str) -> int:
    """Revoke tokens that are in force; return how many were. Needs the owner of the schema."""
    return connection.execute(
        "UPDATE personal_tokens SET revoked_at = clock_timestamp(), revoked_by = %s"
        " WHERE key_id = ANY(%s) AND revoked_at IS NULL",
        (revoked_by, key_ids),
    ).rowcount


def holders(connection: Connection) -> Mapping[str, Holder]:
    """Return every token ever given out, by key id, the oldest first."""
    with connection.cursor(row_factory=dict_row) as cursor:
        cursor.execute(f"SELECT {_COLUMNS} FROM personal_tokens ORDER BY added_at, key_id")
        return {row["key_id"]: Holder(**row) for row in cursor.fetchall()}


def now(connection: Connection) -> datetime:
    """Return the database's time: the one clock that answers and expiries are held against."""
    row = connection.execute("SELECT clock_timestamp()").fetchone()
    assert row is not None, "a SELECT without FROM has one row"
    moment: datetime = row[0]
    return moment
