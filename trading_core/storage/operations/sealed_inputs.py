"""Requests for a secret from a person, and the sealed answers to them."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from psycopg import Connection
from psycopg.rows import class_row
from psycopg.types.json import Jsonb

_REQUEST = "id, secret, public_key, reference, reason, asked_by, asked_at, expires_at"
_ANSWER = "id, request_id, sealed, given_by, given_at"


@dataclass(frozen=True, slots=True)
class SealedRequest:
    """One question.

    Attributes:
        public_key: What an answer is sealed to.
        reference: What the answer is held against: the account, its equity, its open orders.
    """

    id: str
    secret: str
    public_key: str
    reference: Mapping[str, Any]
    reason: str
    asked_by: str
    asked_at: datetime
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class SealedAnswer:
    """One answer, which only the asker can read."""

    id: int
    request_id: str
    sealed: str
    given_by: str
    given_at: datetime


def ask(connection: Connection, request: SealedRequest) -> None:
    """Write a question down."""
    connection.execute(
        f"INSERT INTO sealed_requests ({_REQUEST}) VALUES (%s, %s, %s, %s, %s, %s, %s, %s)",
        (
            request.id,
            request.secret,
            request.public_key,
            Jsonb(dict(request.reference)),
            request.reason,
            request.asked_by,
            request.asked_at,
            request.expires_at,
        ),
    )


def find(connection: Connection, request_id: str) -> SealedRequest | None:
    """Return the question whose id begins so, when there is exactly one."""
    with connection.cursor(row_factory=class_row(SealedRequest)) as cursor:
        cursor.execute(
            f"SELECT {_REQUEST} FROM sealed_requests WHERE starts_with(id, %s) LIMIT 2",
            [request_id],
        )
        found = cursor.fetchall()
    return found[0] if len(found) == 1 else None


def newest(connection: Connection, secret: str) -> SealedRequest | None:
    """Return the question about a secret that was asked last."""
    with connection.cursor(row_factory=class_row(SealedRequest)) as cursor:
        cursor.execute(
            f"SELECT {_REQUEST} FROM sealed_requests WHERE secret = %s"
            " ORDER BY asked_at DESC LIMIT 1",
            [secret],
        )
        return cursor.fetchone()


def answer(connection: Connection, request_id: str, sealed: str, given_by: str) -> None:
    """Write an answer down."""
    connection.execute(
        "INSERT INTO sealed_answers (request_id, sealed, given_by) VALUES (%s, %s, %s)",
        (request_id, sealed, given_by),
    )


def answers(connection: Connection, request_id: str) -> list[SealedAnswer]:
    """Return the answers to a question, oldest first."""
    with connection.cursor(row_factory=class_row(SealedAnswer)) as cursor:
        cursor.execute(
            f"SELECT {_ANSWER} FROM sealed_answers WHERE request_id = %s ORDER BY id", [request_id]
        )
        return cursor.fetchall()
