"""Two states of the trading database, table by table: which rows only one of them has."""

from dataclasses import dataclass

from psycopg import Connection, sql

from trading_core.storage.fingerprints import fingerprint

_NAMED_MAX = 5


@dataclass(frozen=True, slots=True)
class Difference:
    """One table in both.

    Attributes:
        rows: How many rows the restored state has.
        live_rows: How many the live one has.
        lost: How many rows of the live state the restored one lacks.
        back: How many rows come back that the live state no longer has.
        named: Keys of the first rows that are lost.
    """

    rows: int
    live_rows: int
    lost: int
    back: int
    named: tuple[str, ...]


def differences(restored: Connection, live: Connection) -> dict[str, Difference]:
    """Return every table of either state; equal ones have nothing lost and nothing back."""
    here, there = fingerprint(restored), fingerprint(live)
    found: dict[str, Difference] = {}
    for table in sorted(here.keys() | there.keys()):
        if here.get(table) == there.get(table):
            rows = int(str(here[table]["rows"]))
            found[table] = Difference(rows, rows, 0, 0, ())
        else:
            found[table] = _difference(
                _rows(restored, table) if table in here else {},
                _rows(live, table) if table in there else {},
            )
    return found


def _difference(restored: dict[int, str], live: dict[int, str]) -> Difference:
    lost = [key for row, key in live.items() if row not in restored]
    back = len(restored.keys() - live.keys())
    return Difference(len(restored), len(live), len(lost), back, tuple(sorted(lost)[:_NAMED_MAX]))


def _rows(connection: Connection, table: str) -> dict[int, str]:
    """Return the hash of each row's text, with the row's key."""
    key = connection.execute(
        "SELECT a.attname FROM pg_index i JOIN pg_attribute a ON a.attrelid = i.indrelid"
        " AND a.attnum = ANY(i.indkey) WHERE i.indrelid = %s::regclass AND i.indisprimary"
        " ORDER BY array_position(i.indkey::int[], a.attnum::int)",
        (table,),
    ).fetchall()
    names = [sql.SQL(", ") + sql.Identifier(name) for (name,) in key]
    words = sql.SQL("concat_ws(' ', ''{})").format(sql.Composed(names))
    query = sql.SQL("SELECT hashtextextended(t::text, 0), {} FROM {} AS t")
    found = connection.execute(query.format(words, sql.Identifier(table)))
    return {row: key.strip() for row, key in found.fetchall()}
