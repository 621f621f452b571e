"""An effect ledger in memory, and a way to die at any of its lines."""

from collections.abc import Mapping

from typing_extensions import override

from tasks.kernel import Kind, Ledger, Record, Run
from tasks.kernel.ledger import draft, left_open


class Killed(BaseException):
    """What SIGKILL would be, if it could be raised: nothing in the code under test may catch it."""


class MemoryLedger(Ledger):
    """Keeps its lines, in order, in `records`."""

    def __init__(self) -> None:
        self.records: list[Record] = []

    @override
    def append(
        self, run: Run, key: str, kind: Kind, sentence: str, facts: Mapping[str, object]
    ) -> None:
        self.records.append(draft(run, key, kind, sentence, facts))

    @override
    def since_intent(self, key: str) -> tuple[Kind, ...]:
        kinds = [Kind(record.kind) for record in self.records if record.key == key]
        if Kind.INTENT not in kinds:
            return ()
        latest = len(kinds) - 1 - kinds[::-1].index(Kind.INTENT)
        return tuple(kinds[latest:])

    @override
    def of_run(self, run_id: str) -> list[Record]:
        return [record for record in self.records if record.run_id == run_id]

    @override
    def open_intent(self, key: str) -> Record | None:
        lines = [record for record in self.records if record.key == key]
        return left_open(lines[len(lines) - len(self.since_intent(key)) :])

    def kinds(self) -> list[str]:
        """Return what was written, line by line."""
        return [record.kind for record in self.records]


class DyingLedger(Ledger):
    """Another ledger, until the process dies just before or just after one of its lines.

    Args:
        proper: Where lines go.
        dies_at: The number of the line, from 0.
        written: Whether that line still gets to the disk.
    """

    def __init__(self, proper: Ledger, dies_at: int, *, written: bool) -> None:
        self._proper = proper
        self._left = dies_at
        self._written = written

    @override
    def append(
        self, run: Run, key: str, kind: Kind, sentence: str, facts: Mapping[str, object]
    ) -> None:
        dies = self._left == 0
        self._left -= 1
        if not dies or self._written:
            self._proper.append(run, key, kind, sentence, facts)
        if dies:
            raise Killed

    @override
    def since_intent(self, key: str) -> tuple[Kind, ...]:
        return self._proper.since_intent(key)

    @override
    def of_run(self, run_id: str) -> list[Record]:
        return self._proper.of_run(run_id)

    @override
    def open_intent(self, key: str) -> Record | None:
        return self._proper.open_intent(key)
