"""What people are to be told: written down first, sent later, each once and in order.

Slack and mail are two ways, each with its own tries: a notice that one of them does not take is not
kept from the other.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from psycopg import Connection
from psycopg.rows import class_row

Ways = Literal["all", "slack", "mail"]

# Any number, the same in every process: one sends at a time, so that a thread keeps its order.
_SENDER_LOCK = 7_310_012
_OF_LATE = timedelta(hours=1)
_AGAIN_IN, _AGAIN_IN_MAX = timedelta(seconds=2), timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Notice:
    """One message.

    Attributes:
        thread: Notices of one thread stand together, below the first of them.
        root: Slack's stamp of the thread's first message; None: this one is the first.
        ways: By which of them it goes to people, where the firm has them.
    """

    id: int
    thread: str
    words: str
    attempts: int
    root: str | None
    ways: Ways


@dataclass(frozen=True, slots=True)
class Letter:
    """One notice that is to be mailed."""

    id: int
    thread: str
    words: str
    attempts: int
    written_at: datetime


def write(connection: Connection, thread: str, entry: str, words: str, ways: Ways = "all") -> None:
    """Write a notice down, to be sent; the same entry of a thread is written once."""
    connection.execute(
        "INSERT INTO notices (thread, entry, words, ways) VALUES (%s, %s, %s, %s)"
        " ON CONFLICT (thread, entry) DO NOTHING",
        (thread, entry, words, ways),
    )


def again_in(attempts: int) -> timedelta:
    """Return how long a notice waits that was not taken: twice as long each time, to a bound."""
    return min(_AGAIN_IN * (1 << min(attempts, 10)), _AGAIN_IN_MAX)


def may_send(connection: Connection) -> bool:
    """Return whether nobody else is sending; holds until the transaction ends."""
    row = connection.execute("SELECT pg_try_advisory_xact_lock(%s)", (_SENDER_LOCK,)).fetchone()
    return row == (True,)


def next_due(connection: Connection) -> Notice | None:
    """Return the oldest notice whose time has come and whose thread holds no older one back."""
    with connection.cursor(row_factory=class_row(Notice)) as cursor:
        cursor.execute(
            "SELECT id, thread, words, attempts, ways,"
            " (SELECT first.sent_as FROM notices first WHERE first.thread = n.thread"
            "  AND first.sent_at IS NOT NULL ORDER BY first.id LIMIT 1) AS root"
            " FROM notices n WHERE sent_at IS NULL AND next_attempt_at <= clock_timestamp()"
            " AND NOT EXISTS (SELECT FROM notices older WHERE older.thread = n.thread"
            "                 AND older.id < n.id AND older.sent_at IS NULL)"
            " ORDER BY id LIMIT 1"
        )
        return cursor.fetchone()


def set_sent(connection: Connection, notice_id: int, sent_as: str) -> None:
    """Write down that a notice was sent, and the stamp it got."""
    connection.execute(
        "UPDATE notices SET sent_at = clock_timestamp(), sent_as = %s, attempts = attempts + 1,"
        " trouble = '' WHERE id = %s",
        (sent_as, notice_id),
    )


def set_not_sent(connection: Connection, notice_id: int, trouble: str, again_in: timedelta) -> None:
    """Write down why a notice could not be sent, and when to try again."""
    connection.execute(
        "UPDATE notices SET trouble = %s, attempts = attempts + 1,"
        " next_attempt_at = clock_timestamp() + %s WHERE id = %s",
        (trouble, again_in, notice_id),
    )


def hand_to_mail(connection: Connection) -> None:
    """Have what was written down of late be mailed too, whether Slack has it or not.

    What is older was written while there was no mail, and is news no more.
    """
    connection.execute(
        "UPDATE notices SET mail_due_at = clock_timestamp()"
        " WHERE written_at > clock_timestamp() - %s"
        " AND mail_due_at IS NULL AND mailed_at IS NULL AND ways <> 'slack'",
        (_OF_LATE,),
    )


def next_letter(connection: Connection) -> Letter | None:
    """Return the oldest notice that is to be mailed now, kept from others for the transaction."""
    with connection.cursor(row_factory=class_row(Letter)) as cursor:
        cursor.execute(
            "SELECT id, thread, words, mail_attempts AS attempts, written_at FROM notices"
            " WHERE mail_due_at <= clock_timestamp() ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED"
        )
        return cursor.fetchone()


def set_mailed(connection: Connection, notice_id: int) -> None:
    """Write down that the mail server took a notice."""
    connection.execute(
        "UPDATE notices SET mailed_at = clock_timestamp(), mail_due_at = NULL, mail_trouble = '',"
        " mail_attempts = mail_attempts + 1 WHERE id = %s",
        (notice_id,),
    )


def set_not_mailed(
    connection: Connection, notice_id: int, trouble: str, again_in: timedelta
) -> None:
    """Write down why the mail server did not take a notice, and when to try again."""
    connection.execute(
        "UPDATE notices SET mail_trouble = %s, mail_attempts = mail_attempts + 1,"
        " mail_due_at = clock_timestamp() + %s WHERE id = %s",
        (trouble, again_in, notice_id),
    )


def unsent(connection: Connection, thread: str | None = None) -> int:
    """Return how many notices wait for Slack or for mail, of one thread or of all."""
    row = connection.execute(
        "SELECT count(*) FROM notices WHERE (sent_at IS NULL OR mail_due_at IS NOT NULL)"
        " AND (%(thread)s::text IS NULL OR thread = %(thread)s)",
        {"thread": thread},
    ).fetchone()
    assert row is not None, "an aggregate has a row"
    return int(row[0])


def is_written(connection: Connection, thread: str, entry: str) -> bool:
    """Return whether a notice was written down, sent or not."""
    row = connection.execute(
        "SELECT 1 FROM notices WHERE thread = %s AND entry = %s", (thread, entry)
    ).fetchone()
    return row is not None


def sent_at(connection: Connection, thread: str, entry: str) -> datetime | None:
    """Return when every way had taken a notice; None: not yet, or there is none."""
    row = connection.execute(
        "SELECT greatest(sent_at, mailed_at) FROM notices"
        " WHERE thread = %s AND entry = %s AND sent_at IS NOT NULL AND mail_due_at IS NULL",
        (thread, entry),
    ).fetchone()
    return None if row is None else row[0]
