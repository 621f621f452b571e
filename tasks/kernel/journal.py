"""Break-glass: the record of changes while the database is gone.

One fsynced JSON line per record in a local file. The next run with a database merges the file into
the ledger proper. Only protective runbooks may change anything under it.
"""

from collections.abc import Iterator, Mapping
from dataclasses import asdict, replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from typing_extensions import override

from tasks.kernel.ledger import Kind, Ledger, PostgresLedger, Record, draft, left_open
from trading_core.clock import SystemClock
from trading_core.durable import append_json_line, read_json_lines
from trading_core.errors import CheckFailed, Unreachable

if TYPE_CHECKING:
    from tasks.kernel.run import Run


class LocalJournal(Ledger):
    """A ledger in a file, for as long as there is no other."""

    def __init__(self, path: Path) -> None:
        self._path = path

    @override
    def append(
        self, run: "Run", key: str, kind: Kind, sentence: str, facts: Mapping[str, object]
    ) -> None:
        self.keep(draft(run, key, kind, sentence, facts))

    def keep(self, drafted: Record) -> None:
        """Write one line, on the disk before returning."""
        append_json_line(self._path, asdict(drafted))

    @override
    def since_intent(self, key: str) -> tuple[Kind, ...]:
        written: list[Kind] = []
        for record in self._read():
            if record.key == key:
                kind = Kind(record.kind)
                written = [kind] if kind is Kind.INTENT else [*written, kind]
        return tuple(written) if Kind.INTENT in written else ()

    @override
    def of_run(self, run_id: str) -> list[Record]:
        return [record for record in self._read() if record.run_id == run_id]

    @override
    def open_intent(self, key: str) -> Record | None:
        written: list[Record] = []
        for record in self._read():
            if record.key == key and record.kind == Kind.INTENT:
                written = [record]
            elif record.key == key and written:
                written.append(record)
        return left_open(written)

    def merge_into(self, ledger: PostgresLedger) -> int:
        """Append every line to the ledger proper, then put the file aside.

        Returns:
            How many lines were merged. Lines that an interrupted merge already brought over are
            not merged again. Two merges at once would; the caller keeps them apart.
        """
        merged = 0
        for record in self._read():
            if not ledger.has(record):
                facts = record.facts | {"merged_from": self._path.name}
                ledger.chain(replace(record, facts=facts))
                merged += 1
        if self._path.exists():
            self._path.rename(self._path.with_suffix(f".{SystemClock().now():%Y%m%dT%H%M%S%f}"))
        return merged

    def _read(self) -> Iterator[Record]:
        # A line torn by a crash is none: nothing was done after it.
        for content in read_json_lines(self._path):
            yield Record(**content | {"at": datetime.fromisoformat(content["at"])})


class BreakGlassLedger(Ledger):
    """A protective runbook's ledger: PostgreSQL while it answers, the local journal otherwise."""

    def __init__(self, proper: PostgresLedger | None, journal: LocalJournal) -> None:
        self._proper = proper
        self._journal = journal

    @override
    def append(
        self, run: "Run", key: str, kind: Kind, sentence: str, facts: Mapping[str, object]
    ) -> None:
        drafted = draft(run, key, kind, sentence, facts)
        try:
            if self._proper is not None:
                self._proper.chain(drafted)
                return
        except Unreachable:
            self._proper = None  # one wait for a dead database is enough in an emergency
        self._journal.keep(drafted)

    @override
    def since_intent(self, key: str) -> tuple[Kind, ...]:
        # Newer than anything in PostgreSQL: once the journal was merged, it is gone.
        written = self._journal.since_intent(key)
        if written or self._proper is None:
            return written
        try:
            return self._proper.since_intent(key)
        except Unreachable:
            self._proper = None
            return ()

    @override
    def of_run(self, run_id: str) -> list[Record]:
        written = self._journal.of_run(run_id)
        try:
            return written if self._proper is None else self._proper.of_run(run_id) + written
        except Unreachable:
            return written

    @override
    def open_intent(self, key: str) -> Record | None:
        if self._journal.since_intent(key) or self._proper is None:
            return self._journal.open_intent(key)
        try:
            return self._proper.open_intent(key)
        except Unreachable:
            self._proper = None
            return None


class NoLedger(Ledger):
    """What an ordinary runbook has when the database is gone: it may look, and change nothing."""

    def __init__(self, because: str) -> None:
        self._because = because

    @override
    def append(
        self, run: "Run", key: str, kind: Kind, sentence: str, facts: Mapping[str, object]
    ) -> None:
        raise CheckFailed(
            f"{sentence}: expected an effect ledger to write the intent to, found none: "
            f"{self._because}",
            next_step=f"bring the database back, then run {run.runbook} again; nothing was changed",
        )

    @override
    def since_intent(self, key: str) -> tuple[Kind, ...]:
        return ()

    @override
    def of_run(self, run_id: str) -> list[Record]:
        return []

    @override
    def open_intent(self, key: str) -> Record | None:
        return None
