"""Approval requests, their answers and how each ended. Nothing here is ever changed, only added."""

from dataclasses import dataclass
from datetime import datetime

from psycopg import Connection
from psycopg.rows import dict_row

from trading_core.approval.request import Answer, Request
from trading_core.errors import InvariantViolated

# Those that nobody has ended and whose time is not over.
_OPEN = "NOT EXISTS (SELECT 1 FROM approval_endings e WHERE e.request_id = r.id)"

# Any number, the same in every process: two runs with one proof are told apart.
_ASK_LOCK = 7_310_021


@dataclass(frozen=True, slots=True)
class Ending:
    """How a request ended.

    Attributes:
        outcome: granted, refused, expired, void (what was asked about changed) or withdrawn
            (its run is gone).
    """

    outcome: str
    sentence: str
    at: datetime | None = None


def is_proof_used(connection: Connection, start_proof: str, run_id: str) -> bool:
    """Whether another run was started with this very signature; runs that ask wait in line."""
    connection.execute("SELECT pg_advisory_xact_lock(%s)", (_ASK_LOCK,))
    found = connection.execute(
        "SELECT 1 FROM approval_requests WHERE start_proof = %s AND run_id <> %s LIMIT 1",
        (start_proof, run_id),
    )
    return found.fetchone() is not None


def ask(connection: Connection, request: Request, start_proof: str | None = None) -> None:
    """Write a request down.

    Args:
        start_proof: The signature the starter proved themselves with; see `is_proof_used`.
    """
    connection.execute(
        "INSERT INTO approval_requests (id, digest, body, runbook, subject, run_id, asked_at,"
        " expires_at, start_proof) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s)",
        (
            request.id,
            request.digest,
            request.body,
            request.runbook,
            request.subject,
            request.run_id,
            request.asked_at,
            request.expires_at,
            start_proof,
        ),
    )


def find(connection: Connection, request_id: str) -> Request | None:
    """Return one request, or None.

    Raises:
        InvariantViolated: What it binds is not what its digest says.
    """
    found = connection.execute(
        "SELECT digest, body FROM approval_requests WHERE id = %s", (request_id,)
    ).fetchone()
    return None if found is None else _read(*found)


def open_requests(connection: Connection) -> list[Request]:
    """Return every request that waits for an answer, the oldest first."""
    found = connection.execute(
        f"SELECT digest, body FROM approval_requests r WHERE {_OPEN}"
        " AND expires_at > clock_timestamp() ORDER BY asked_at"
    ).fetchall()
    return [_read(digest, body) for digest, body in found]


def left_open(connection: Connection, runbook: str, subject: str) -> list[Request]:
    """Return the requests of a runbook on a subject that nobody has ended, expired ones too."""
    found = connection.execute(
        f"SELECT digest, body FROM approval_requests r WHERE {_OPEN}"
        " AND runbook = %s AND subject = %s ORDER BY asked_at",
        (runbook, subject),
    ).fetchall()
    return [_read(digest, body) for digest, body in found]


def answer(connection: Connection, given: Answer) -> None:
    """Write an answer down as it came, good or not."""
    connection.execute(
        "INSERT INTO approval_answers (request_id, channel, name, key_id, says, reason, signature)"
        " VALUES (%s, %s, %s, %s, %s, %s, %s)",
        (
            given.request_id,
            given.channel,
            given.name,
            given.key_id,
            given.says,
            given.reason,
            given.signature,
        ),
    )


def answers(connection: Connection, request_id: str) -> list[Answer]:
    """Return what came in answer to a request, in order."""
    with connection.cursor(row_factory=dict_row) as cursor:
        cursor.execute(
            "SELECT request_id, name, key_id, says, reason, signature, channel, at"
            " FROM approval_answers WHERE request_id = %s ORDER BY seq",
            (request_id,),
        )
        return [Answer(**row) for row in cursor.fetchall()]


def end(connection: Connection, request_id: str, ending: Ending) -> None:
    """Write down how a request ended; the first ending stands."""
    connection.execute(
        "INSERT INTO approval_endings (request_id, outcome, sentence) VALUES (%s, %s, %s)"
        " ON CONFLICT (request_id) DO NOTHING",
        (request_id, ending.outcome, ending.sentence),
    )


def ending(connection: Connection, request_id: str) -> Ending | None:
    """Return how a request ended; None while it waits."""
    found = connection.execute(
        "SELECT outcome, sentence, at FROM approval_endings WHERE request_id = %s", (request_id,)
    ).fetchone()
    return None if found is None else Ending(*found)


def _read(digest: str, body: str) -> Request:
    request = Request.of_body(body)
    if request.digest != digest:
        raise InvariantViolated(
            f"approval request {digest[:10]}: expected what it binds to give its digest, "
            f"was {request.digest[:10]}",
            next_step="do not answer it; stop its run and ask again",
        )
    return request
