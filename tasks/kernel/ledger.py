"""The effect ledger: what was intended, done and proven, append-only and hash-chained.

The intent is on disk before anything is done. With the database gone, protective runbooks write
to a local journal of the same records, which the next run with a database merges (break-glass).
"""

import hashlib
import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import psycopg
from psycopg.rows import class_row
from psycopg.types.json import Jsonb

from trading_core.clock import SystemClock
from trading_core.errors import InvariantViolated

if TYPE_CHECKING:
    from tasks.kernel.run import Run

GENESIS = "0" * 64
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
        content = asdict(self) | {"at": self.at.astimezone(UTC).isoformat()}
        del content["hash"]
        canonical = json.dumps(content, sort_keys=True, separators=(",", ":"), default=str)
        return hashlib.sha256(canonical.encode()).hexdigest()


class Ledger(Protocol):
    """Where the kernel writes."""

    def append(
        self,
        run: "Run",
        key: str,
        kind: Kind,
        sentence: str,
        facts: Mapping[str, object],
    ) -> None:
        """Write one line, durably, before returning."""
        ...

    def unproven(self, prefix: str) -> list[str]:
        """Return the keys at or under `prefix` whose latest intent has no proof."""
        ...


class PostgresLedger:
    """The ledger proper, in PostgreSQL."""

    def __init__(self, connection: psycopg.Connection[tuple[object, ...]]) -> None:
        self._connection = connection

    def append(
        self, run: "Run", key: str, kind: Kind, sentence: str, facts: Mapping[str, object]
    ) -> None:
        self.chain(_draft(run, key, kind, sentence, facts))

    def chain(self, draft: Record) -> Record:
        """Give `draft` its place after the last line, and commit it."""
        with self._connection.transaction(), self._connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_CHAIN_LOCK])
            cursor.execute("SELECT seq, hash FROM effect_ledger ORDER BY seq DESC LIMIT 1")
            seq, prev_hash = cursor.fetchone() or (0, GENESIS)
            placed = replace(draft, seq=int(str(seq)) + 1, prev_hash=str(prev_hash))
            record = replace(placed, hash=placed.digest())
            cursor.execute(_INSERT, asdict(record) | {"facts": Jsonb(record.facts)})
        return record

    def unproven(self, prefix: str) -> list[str]:
        with self._connection.transaction(), self._connection.cursor() as cursor:
            cursor.execute(_UNPROVEN, {"prefix": prefix, "under": prefix + "/"})
            return [str(row[0]) for row in cursor.fetchall()]

    def of_run(self, run_id: str) -> list[Record]:
        """Return what one run wrote, oldest first."""
        return self._select("WHERE run_id = %s ORDER BY seq", [run_id])

    def verify(self) -> int:
        """Recompute the chain from its first line.

        Returns:
            How many lines were checked.

        Raises:
            InvariantViolated: A line was changed, removed or slipped in.
        """
        previous = GENESIS
        records = self._select("ORDER BY seq", [])
        for number, record in enumerate(records, start=1):
            place = (record.seq, record.prev_hash, record.hash)
            if place != (number, previous, record.digest()):
                raise InvariantViolated(
                    f"effect ledger: line {record.seq} does not continue the chain",
                    next_step="stop and compare with a backup: the record of changes was altered",
                )
            previous = record.hash
        return len(records)

    def _select(self, where: str, values: list[object]) -> list[Record]:
        connection = self._connection
        with connection.transaction(), connection.cursor(row_factory=class_row(Record)) as cursor:
            cursor.execute(f"SELECT {_COLUMNS} FROM effect_ledger {where}", values)  # noqa: S608
            return cursor.fetchall()


class LocalJournal:
    """The break-glass ledger: one fsynced JSON line per record, in a local file."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def append(
        self, run: "Run", key: str, kind: Kind, sentence: str, facts: Mapping[str, object]
    ) -> None:
        draft = _draft(run, key, kind, sentence, facts)
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with self._path.open("a") as journal:
            journal.write(json.dumps(asdict(draft), default=str) + "\n")
            journal.flush()
            os.fsync(journal.fileno())

    def unproven(self, prefix: str) -> list[str]:
        waiting: dict[str, None] = {}
        for record in self._read():
            if record.key != prefix and not record.key.startswith(prefix + "/"):
                continue
            if record.kind == Kind.INTENT:
                waiting[record.key] = None
            elif record.kind == Kind.PROOF:
                waiting.pop(record.key, None)
        return list(waiting)

    def merge_into(self, ledger: PostgresLedger) -> int:
        """Append every line to the ledger proper, then put the file aside.

        Returns:
            How many lines were merged. A crash in between merges some of them twice, which the
            note in their facts shows; losing one would be worse.
        """
        merged = 0
        for record in self._read():
            facts = record.facts | {"merged_from": self._path.name}
            ledger.chain(replace(record, facts=facts))
            merged += 1
        if merged:
            self._path.rename(self._path.with_suffix(f".{SystemClock().now():%Y%m%dT%H%M%S%f}"))
        return merged

    def _read(self) -> Iterable[Record]:
        if not self._path.exists():
            return
        for line in self._path.read_text().splitlines():
            try:
                content = json.loads(line)
            except json.JSONDecodeError:
                return  # the torn last line of a crash; nothing was done after it
            yield Record(**content | {"at": datetime.fromisoformat(content["at"])})


def _draft(run: "Run", key: str, kind: Kind, sentence: str, facts: Mapping[str, object]) -> Record:
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
"""  # noqa: S608 - constants of this file
_UNPROVEN = """
    SELECT key
    FROM (SELECT DISTINCT ON (key) key, kind FROM effect_ledger
          WHERE (key = %(prefix)s OR starts_with(key, %(under)s))
            AND kind IN ('intent', 'effect', 'proof', 'unproven')
          ORDER BY key, seq DESC) AS latest
    WHERE kind <> 'proof'
"""
