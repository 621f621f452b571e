"""Rows past their time: archived, compared, then removed in batches that hold nobody up (DBM-10).

Only what is listed here ever goes. What was traded, booked or decided stays: orders, fills,
postings, breaks, the effect ledger, approvals, calls of the control API and timelines refuse a
DELETE themselves. The catalogue would let audit rows go after 90 days and metrics after 30; ours
are what reports are written anew from, and stay as long as the record of runs: two years. Old bars
are export-market-data's to drop.
"""

import tempfile
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import BinaryIO, cast

from psycopg import Connection, sql

from infra import archives
from infra.archives import Member
from tasks.backup.archives import Shelf
from tasks.kernel import Change, CheckResult, Unchanged, Verdict, action, check
from trading_core.broker.contract import TradingApi
from trading_core.clock import seconds
from trading_core.errors import NotVerified
from trading_core.ledger.session import trading_date_of
from trading_core.storage.connect import connect

DAYS_KEPT = 730
_BATCH_ROWS = 5_000
_STATEMENT_WITHIN = seconds(120)
_SHOWS_WITHIN = seconds(10)
_NEXT = "run clean-up again; what was removed so far is in the archive"


@dataclass(frozen=True, slots=True)
class Kept:
    """A table whose rows go when they are old.

    Attributes:
        owner: The secret with the DSN of who owns it: nobody else may delete.
        dated_by: The column with a row's day.
        only: What else must hold of a row that goes.
    """

    owner: str
    table: str
    dated_by: str
    only: str = "true"

    @property
    def condition(self) -> sql.Composed:
        """Whether a row is of before a day, which is the one value to give."""
        only = sql.SQL(self.only)
        return sql.SQL("{}::date < %s AND {}").format(sql.Identifier(self.dated_by), only)


TABLES: tuple[Kept, ...] = (
    Kept("owner_dsn", "equity_curve", "trading_date"),
    Kept("operations_owner_dsn", "notices", "written_at", "sent_at IS NOT NULL"),
    Kept(
        "operations_owner_dsn",
        "alert_episodes",
        "starts_at",
        "resolved_at IS NOT NULL AND (run_id IS NOT NULL OR runbook = '')",
    ),
    Kept("operations_owner_dsn", "sizes", "measured_on"),
)


@check
def check_old_rows(shelf: Shelf, broker: TradingApi) -> CheckResult:
    """Count rows that are past their time, in every table that has a time."""
    limit = _limit(broker)
    found = _old(shelf, limit)
    rows = sum(found.values())
    return CheckResult(
        Verdict.WARN if rows else Verdict.PASS,
        f"{rows} rows past their time in {len(TABLES)} tables{_words(found, ': ')}",
        f"no row of before {limit}",
        found,
        rows,
        0,
        " rows",
    )


@action
def ensure_old_rows_removed(
    shelf: Shelf, broker: TradingApi
) -> Change[dict[str, int]] | Unchanged[dict[str, int]]:
    """Archive and remove the rows that are past their time; return how many, by table.

    Args:
        shelf: Of archives of rows: what is removed is there before, whole.
        broker: Tells the exchange's date, which in a replay is not this machine's.

    Raises:
        NotVerified: More rows went than were archived, or less.
    """
    limit = _limit(broker)
    found = _old(shelf, limit)
    if not found:
        return Unchanged(f"no row is of before {limit}", found)

    def act(_fence: int) -> dict[str, int]:
        return {one.table: _remove(shelf, one, limit) for one in TABLES if one.table in found}

    return Change(
        does=f"archive and remove rows of before {limit}{_words(found, ': ')}",
        act=act,
        holds=lambda: not _old(shelf, limit),
        within=_SHOWS_WITHIN,
        facts={"rows": found, "before": str(limit)},
    )


def _limit(broker: TradingApi) -> date:
    return trading_date_of(broker.clock().now) - timedelta(days=DAYS_KEPT)


def _words(found: dict[str, int], lead: str) -> str:
    told = ", ".join(f"{table} {rows}" for table, rows in found.items())
    return f"{lead}{told}" if told else ""


def _old(shelf: Shelf, limit: date) -> dict[str, int]:
    """Return how many rows are of before a day, by table; tables without any are left out."""
    counted: dict[str, int] = {}
    for one in TABLES:
        with _owned(shelf, one) as connection:
            if rows := _count(connection, one, limit):
                counted[one.table] = rows
    return counted


def _count(connection: Connection, one: Kept, limit: date) -> int:
    count = sql.SQL("SELECT count(*) FROM {} WHERE {}").format(
        sql.Identifier(one.table), one.condition
    )
    row = connection.execute(count, [limit]).fetchone()
    assert row is not None, "an aggregate has a row"
    return int(row[0])


def _owned(shelf: Shelf, one: Kept) -> Connection:
    owner = shelf.settings.secret(one.owner)
    return connect(owner, application="retention", statement_within=_STATEMENT_WITHIN)


def _remove(shelf: Shelf, one: Kept, limit: date) -> int:
    with _owned(shelf, one) as connection:
        archived = _archive(shelf, one, limit, connection)
        connection.commit()
        batch = sql.SQL(
            "DELETE FROM {table} WHERE ctid = ANY(ARRAY("
            "SELECT ctid FROM {table} WHERE {condition} LIMIT {rows}))"
        ).format(
            table=sql.Identifier(one.table),
            condition=one.condition,
            rows=sql.Literal(_BATCH_ROWS),
        )
        removed = 0
        while gone := connection.execute(batch, [limit]).rowcount:
            connection.commit()
            removed += gone
    if removed != archived:
        raise NotVerified(
            f"{one.table}: expected the {archived} archived rows removed, were {removed}",
            next_step=_NEXT,
        )
    return removed


def _archive(shelf: Shelf, one: Kept, limit: date, connection: Connection) -> int:
    """Write the rows as CSV into an archive of their own; return how many they are."""
    rows = sql.SQL("COPY (SELECT * FROM {} WHERE {}) TO STDOUT (FORMAT csv, HEADER)").format(
        sql.Identifier(one.table), one.condition
    )
    count = _count(connection, one, limit)
    with tempfile.TemporaryFile() as file:
        # A killed run leaves an archive of rows that the next one archives once more.
        with connection.cursor() as cursor, cursor.copy(rows, [limit]) as told:
            for part in told:
                file.write(part)
        size = file.tell()
        file.seek(0)
        content = cast("BinaryIO", file)
        member = Member(f"{one.table}.csv", content, size, {"rows": count})
        archives.write(_free_path(shelf, one, limit), [member])
    return count


def _free_path(shelf: Shelf, one: Kept, limit: date) -> Path:
    """Return where the archive goes: beside one of the same rows, never over it."""
    taken, number = shelf.all(), 1
    while shelf.path(limit, f"{one.table}-{number}") in taken:
        number += 1
    return shelf.path(limit, f"{one.table}-{number}")
