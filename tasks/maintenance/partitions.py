"""Partitions of the coming months, made ahead of the first row that needs them (DBM-08).

A table is split by month when it was made so; this keeps it going. Ours are not: two years of bars
are dropped by the day, and no table is so large that a split would pay. The check says how large
the largest is, and warns long before one should be.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime

from psycopg import Connection, sql
from pydantic import SecretStr

from tasks.kernel import Change, CheckResult, Unchanged, Verdict, action, check
from trading_core.clock import seconds
from trading_core.storage.connect import Database, connect

MONTHS_AHEAD = 3
ROWS_MAX = 100_000_000
_LOCK_WAIT = "30s"
_STATEMENT_WITHIN = seconds(60)
_SHOWS_WITHIN = seconds(5)
_BOUND = re.compile(r"FROM \('([^']+)'\) TO \('([^']+)'\)")

_SPLIT = """
SELECT c.relname, coalesce(array_agg(pg_get_expr(p.relpartbound, p.oid))
                           FILTER (WHERE p.oid IS NOT NULL), '{}')
FROM pg_partitioned_table t JOIN pg_class c ON c.oid = t.partrelid
JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = t.partattrs[0]
LEFT JOIN pg_inherits i ON i.inhparent = c.oid LEFT JOIN pg_class p ON p.oid = i.inhrelid
WHERE t.partstrat = 'r' AND t.partnatts = 1
  AND a.atttypid IN ('date'::regtype, 'timestamptz'::regtype)
GROUP BY c.relname ORDER BY c.relname
"""
_LARGEST = "SELECT relname, n_live_tup FROM pg_stat_user_tables ORDER BY n_live_tup DESC LIMIT 1"


@dataclass(frozen=True, slots=True)
class Split:
    """A table that is split by time, and the spans its partitions cover."""

    name: str
    spans: tuple[tuple[date, date], ...]

    def covers(self, month: date) -> bool:
        """Whether a row of a month's first day finds its partition."""
        return any(first <= month < end for first, end in self.spans)

    def missing(self, first: date, months: int) -> list[date]:
        """Return which of some months have no partition yet."""
        return [month for month in _months(first, months) if not self.covers(month)]


@check
def check_partitions(database: Database, today: date) -> CheckResult:
    """See that today and next month have their partition in every table that is split."""
    with database.transaction() as connection:
        split = _split(connection)
        largest = connection.execute(_LARGEST).fetchone()
    expected = "this month and the next one covered"
    lacking = {one.name: missing for one in split if (missing := one.missing(today, 2))}
    if split:
        words = "; ".join(f"{name} lacks {month:%Y-%m}" for name, (month, *_) in lacking.items())
        found = words or f"{len(split)} tables split by time, all covered"
        verdict = Verdict.FAIL if lacking else Verdict.PASS
        return CheckResult(verdict, found, expected, {}, len(lacking), 0, " tables")
    name, rows = largest or ("no table", 0)
    return CheckResult(
        Verdict.WARN if rows > ROWS_MAX else Verdict.PASS,
        f"no table is split by time; the largest, {name}, has {rows:,} rows",
        f"{expected}; no table of more than {ROWS_MAX:,} rows that is not split",
        {},
        rows,
        ROWS_MAX,
        " rows",
    )


@action
def ensure_partitions_made(
    database: Database, owner_dsn: SecretStr, today: date
) -> Change[list[str]] | Unchanged[list[str]]:
    """Make the missing partitions of this month and the next three; return their names.

    Args:
        database: Where it is looked up which there are.
        owner_dsn: Of who owns the tables.
    """

    def missing() -> list[tuple[str, date]]:
        with database.transaction() as connection:
            split = _split(connection)
        return [
            (one.name, month) for one in split for month in one.missing(today, 1 + MONTHS_AHEAD)
        ]

    wanted = missing()
    names = [f"{table}_{month:%Y_%m}" for table, month in wanted]

    def act(_fence: int) -> list[str]:
        with connect(
            owner_dsn, application="partitions", statement_within=_STATEMENT_WITHIN
        ) as connection:
            connection.execute(sql.SQL("SET lock_timeout = {}").format(_LOCK_WAIT))
            for (table, month), name in zip(wanted, names, strict=True):
                connection.execute(_made(table, name, month))
        return names

    if not wanted:
        return Unchanged("every split table is covered for the months to come", names)
    return Change(
        does=f"make {len(names)} partitions: {', '.join(names)}",
        act=act,
        holds=lambda: not missing(),
        within=_SHOWS_WITHIN,
        facts={"partitions": names},
    )


def _made(table: str, name: str, month: date) -> sql.Composed:
    first, end = _months(month, 2)
    return sql.SQL("CREATE TABLE {} PARTITION OF {} FOR VALUES FROM ({}) TO ({})").format(
        sql.Identifier(name), sql.Identifier(table), sql.Literal(f"{first}"), sql.Literal(f"{end}")
    )


def _split(connection: Connection) -> list[Split]:
    return [Split(name, _spans(bounds)) for name, bounds in connection.execute(_SPLIT).fetchall()]


def _spans(bounds: Sequence[str]) -> tuple[tuple[date, date], ...]:
    """Return what partitions cover, by their bounds as the server writes them."""
    found = [match for bound in bounds if (match := _BOUND.search(bound))]
    return tuple((_day(one[1]), _day(one[2])) for one in found)


def _day(written: str) -> date:
    moment = datetime.fromisoformat(written)
    return (moment if moment.tzinfo is None else moment.astimezone(UTC)).date()


def _months(first: date, count: int) -> list[date]:
    """Return the first days of so many months, from that of a day on."""
    start = first.year * 12 + first.month - 1
    return [date(month // 12, month % 12 + 1, 1) for month in range(start, start + count)]
