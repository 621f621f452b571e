"""Fingerprints of tables: what is compared when a copy is held against its original."""

from collections.abc import Mapping

from psycopg import Connection, sql

# Per table: {"rows": 1560, "checksum": "..."}.
Fingerprint = Mapping[str, Mapping[str, object]]


def fingerprint(connection: Connection) -> dict[str, dict[str, object]]:
    """Return row count and checksum of every table of the schema `public`.

    The checksum is the sum of 64-bit hashes of the rows' text: the same rows in any order.
    """
    found: dict[str, dict[str, object]] = {}
    for table in tables(connection):
        row = connection.execute(
            sql.SQL(
                "SELECT count(*), coalesce(sum(hashtextextended(t::text, 0)), 0)::text FROM {} AS t"
            ).format(sql.Identifier(table))
        ).fetchone()
        assert row is not None, "an aggregate has a row"
        found[table] = {"rows": row[0], "checksum": row[1]}
    return found


def tables(connection: Connection) -> list[str]:
    """Return the names of the tables of the schema `public`, in order."""
    rows = connection.execute(
        "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace"
        " AND relkind IN ('r', 'p') ORDER BY relname"
    ).fetchall()
    return [str(row[0]) for row in rows]


def different(one: Fingerprint, other: Fingerprint) -> list[str]:
    """Return the names of tables that are not the same in both, in order."""
    return sorted(
        table for table in one.keys() | other.keys() if one.get(table) != other.get(table)
    )
