"""The effect ledger: what was intended, done and proven, append-only and hash-chained.

The intent is on disk before anything is done. What protective runbooks write while the database is
gone is in journal.py.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from enum import StrEnum
from threading import Lock
from typing import TYPE_CHECKING, Any, Protocol

import psycopg
from psycopg.types.json import Jsonb
from typing_extensions import override

from trading_core import hash_chain
from trading_core.clock import SystemClock
from trading_core.errors import Unreachable
from trading_core.hash_chain import GENESIS

if TYPE_CHECKING:
    from tasks.kernel.run import Run

# Any constant will do; it must be the same in every process that appends.
_CHAIN_LOCK = 7_310_001


class Kind(StrEnum):
    """What a line of the ledger says about a change."""

    INTENT = "intent"
    EFFECT = "effect"
    PROOF = "proof"
    UNPROVEN = "unproven"
    FAILED = "failed"
    NOTE = "note"


@dataclass(frozen=True, slots=True)
class Record:
    """One line. `hash` covers everything else in it, and through `prev_hash` all lines before."""

    seq: int
    at: datetime
    run_id: str
    runbook: str
    subject: str
    key: str
    kind: str
    sentence: str
    facts: dict[str, object]
    actor: str
    fence: int
    prev_hash: str
    hash: str = ""

    def digest(self) -> str:
        """Return the SHA-256 this record must carry, as hex."""
        return hash_chain.digest_of(asdict(self))


class Ledger(Protocol):
    """Where the kernel writes."""

    def append(
        self, run: "Run", key: str, kind: Kind, sentence: str, facts: Mapping[str, object]
    ) -> None:
        """Write one line, durably, before returning.

        Raises:
            Unreachable: Whether the line was written is unknown.
        """
        ...

    def since_intent(self, key: str) -> tuple[Kind, ...]:
        """Return what was written for a change from its latest intent on; empty without one."""
        ...

    def of_run(self, run_id: str) -> list[Record]:
        """Return what one run wrote, oldest first."""
        ...

    def open_intent(self, key: str) -> Record | None:
        """Return the latest intent of a change if nothing tells how it ended: of a killed run.

        Its facts say how the world was before: for changes that leave no state to look at, such
        as a restart, they alone tell whether the change was made.
        """
        ...


class PostgresLedger(Ledger):
    """The ledger proper, in PostgreSQL. Threads may share one; they write one after the other."""

    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        """Write through `connection`, which must be in autocommit mode and for nobody else."""
        self._connection = connection
        self._turn = Lock()

    @override
    def append(
        self, run: "Run", key: str, kind: Kind, sentence: str, facts: Mapping[str, object]
    ) -> None:
        self.chain(draft(run, key, kind, sentence, facts))

    def chain(self, drafted: Record) -> Record:
        """Give `drafted` its place after the last line, and commit it.

        Raises:
            Unreachable: Whether the line was written is unknown.
        """
        with self._transaction() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_CHAIN_LOCK])
            cursor.execute("SELECT seq, hash FROM effect_ledger ORDER BY seq DESC LIMIT 1")
            seq, prev_hash = cursor.fetchone() or (0, GENESIS)
            placed = replace(drafted, seq=seq + 1, prev_hash=prev_hash)
            record = replace(placed, hash=placed.digest())
            cursor.execute(_INSERT, asdict(record) | {"facts": Jsonb(record.facts)})
        return record

    def has(self, drafted: Record) -> bool:
        """Whether this very line, whatever its place, is already there."""
        with self._transaction() as cursor:
            cursor.execute(_SAME, asdict(drafted) | {"facts": None})
            return cursor.fetchone() is not None

    @override
    def since_intent(self, key: str) -> tuple[Kind, ...]:
        with self._transaction() as cursor:
            cursor.execute(_SINCE_INTENT, {"key": key})
            return tuple(Kind(row[0]) for row in cursor.fetchall())

    @override
    def of_run(self, run_id: str) -> list[Record]:
        return self._select("WHERE run_id = %s ORDER BY seq", [run_id])

    @override
    def open_intent(self, key: str) -> Record | None:
        latest = f"(SELECT max(seq) FROM effect_ledger WHERE key = %s AND kind = '{Kind.INTENT}')"
        return left_open(
            self._select(f"WHERE key = %s AND seq >= {latest} ORDER BY seq", [key] * 2)
        )

    def verify(self) -> int:
        """Recompute the chain from its first line.

        Returns:
            How many lines were checked.

        Raises:
            InvariantViolated: A line was changed, removed or slipped in.
        """
        return hash_chain.verify(self._select("ORDER BY seq", []), "effect ledger")

    def _select(self, where: str, values: list[object]) -> list[Record]:
        with self._transaction() as cursor:
            cursor.execute(f"SELECT {_COLUMNS} FROM effect_ledger {where}", values)
            return [Record(*row) for row in cursor.fetchall()]

    @contextmanager
    def _transaction(self) -> Iterator[psycopg.Cursor[Any]]:
        try:
            with (
                self._turn,
                self._connection.transaction(),
                self._connection.cursor() as cursor,
            ):
                yield cursor
        except (psycopg.OperationalError, psycopg.InterfaceError) as error:
            raise Unreachable(
                f"effect ledger: expected the database to answer, was {str(error).strip()}",
                next_step="bring the database back: see `tradeops status`",
            ) from error


def never_proven(connection: psycopg.Connection[Any], runbook: str, subject: str) -> list[str]:
    """Return what a runbook set out to do for a subject and nothing tells the end of, in order."""
    rows = connection.execute(_NEVER_PROVEN, {"runbook": runbook, "subject": subject}).fetchall()
    return [str(row[0]) for row in rows]


def left_open(since_intent: Sequence[Record]) -> Record | None:
    """Return the intent that these lines begin with, unless one of them tells how it ended."""
    if {Kind.PROOF, Kind.FAILED} & {line.kind for line in since_intent}:
        return None
    return next(iter(since_intent), None)


def draft(run: "Run", key: str, kind: Kind, sentence: str, facts: Mapping[str, object]) -> Record:
    """Return a line that has no place in the chain yet."""
    return Record(
        seq=0,
        at=SystemClock().now(),
        run_id=run.run_id,
        runbook=run.runbook,
        subject=run.subject,
        key=key,
        kind=str(kind),
        sentence=sentence,
        facts=json.loads(json.dumps(dict(facts), default=str)),
        actor=run.actor,
        fence=run.fence,
        prev_hash="",
    )


_COLUMNS = (
    "seq, at, run_id, runbook, subject, key, kind, sentence, facts, actor, fence, prev_hash, hash"
)
_INSERT = f"""
    INSERT INTO effect_ledger ({_COLUMNS})
    VALUES (%(seq)s, %(at)s, %(run_id)s, %(runbook)s, %(subject)s, %(key)s, %(kind)s,
            %(sentence)s, %(facts)s, %(actor)s, %(fence)s, %(prev_hash)s, %(hash)s)
"""
_SINCE_INTENT = """
    SELECT kind FROM effect_ledger
    WHERE key = %(key)s AND seq >= (SELECT max(seq) FROM effect_ledger
                                    WHERE key = %(key)s AND kind = 'intent')
    ORDER BY seq
"""
_NEVER_PROVEN = """
    SELECT one.sentence FROM effect_ledger AS one
    WHERE one.runbook = %(runbook)s AND one.subject = %(subject)s AND one.kind = 'intent'
      AND NOT EXISTS (SELECT 1 FROM effect_ledger AS later
                      WHERE later.key = one.key AND later.seq > one.seq
                        AND later.kind IN ('intent', 'proof', 'failed'))
    ORDER BY one.seq
"""
_SAME = """
    SELECT 1 FROM effect_ledger
    WHERE run_id = %(run_id)s AND key = %(key)s AND kind = %(kind)s AND at = %(at)s
"""
