"""Duties: what people hold, each with a date, until somebody says what came of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from psycopg import Connection
from psycopg.rows import class_row

_COLUMNS = "id, what, owner, due_at, opened_at, confirmed_at, confirmed_by, words"


@dataclass(frozen=True, slots=True)
class Wanted:
    """A duty to be opened. `owner` is a role."""

    id: str
    what: str
    owner: str
    due_at: datetime


@dataclass(frozen=True, slots=True)
class Duty:
    """One duty as it stands; `words` say what came of it."""

    id: str
    what: str
    owner: str
    due_at: datetime
    opened_at: datetime
    confirmed_at: datetime | None
    confirmed_by: str | None
    words: str

    def is_overdue(self, now: datetime) -> bool:
        """Whether its date has passed and nobody confirmed it."""
        return self.confirmed_at is None and self.due_at < now


def open_all(connection: Connection, wanted: Sequence[Wanted]) -> None:
    """Open duties; one that is there stays as it is."""
    for one in wanted:
        connection.execute(
            "INSERT INTO duties (id, what, owner, due_at) VALUES (%s, %s, %s, %s)"
            " ON CONFLICT (id) DO NOTHING",
            (one.id, one.what, one.owner, one.due_at),
        )


def confirm(connection: Connection, duty_id: str, by: str, words: str) -> None:
    """Write down that a duty was done; the first word about it stays."""
    connection.execute(
        "UPDATE duties SET confirmed_at = clock_timestamp(), confirmed_by = %s, words = %s"
        " WHERE id = %s AND confirmed_at IS NULL",
        (by, words, duty_id),
    )


def find(connection: Connection, duty_id: str) -> Duty | None:
    """Return one duty, or None."""
    return next(iter(_read(connection, "WHERE id = %s", (duty_id,))), None)


def not_confirmed(connection: Connection) -> list[Duty]:
    """Return the duties that wait, the one due first at the head."""
    return _read(connection, "WHERE confirmed_at IS NULL ORDER BY due_at, id", ())


def known(connection: Connection, ids: Sequence[str]) -> set[str]:
    """Return which of some ids are duties already."""
    rows = connection.execute("SELECT id FROM duties WHERE id = ANY(%s)", (list(ids),))
    return {str(row[0]) for row in rows}


def due_between(connection: Connection, starts: datetime, ends: datetime) -> list[Duty]:
    """Return the duties whose date lies in a span, in its order."""
    where = "WHERE due_at >= %s AND due_at < %s ORDER BY due_at, id"
    return _read(connection, where, (starts, ends))


def _read(connection: Connection, where: str, values: tuple[object, ...]) -> list[Duty]:
    with connection.cursor(row_factory=class_row(Duty)) as cursor:
        cursor.execute(f"SELECT {_COLUMNS} FROM duties {where}".encode(), values)
        return cursor.fetchall()
