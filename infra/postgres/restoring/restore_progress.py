"""How far a restore has come, in a file of the state directory: it survives whatever the run does.

One restore is open at a time. Its id, from the moment it was begun, names what it leaves behind.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

from infra.postgres.restoring.swap import restore_id_at
from trading_core import durable

_CURRENT = "current.json"
# The parts of a recovery, in order; each ends at the stamp of its name.
PARTS = ("recovered", "approved", "stopped", "promoted", "swapped", "running", "reconciled")


@dataclass(frozen=True, slots=True)
class Progress:
    """One restore. Times are wall times, aware.

    Attributes:
        target: What was asked for, in the operator's words.
        held: Where the scratch server stands: backup and position; empty: nowhere yet.
        server_end: How far the server had written when nobody wrote to it any more.
        reached_at: The last transaction that the restored server has.
        newest_known: The newest commit there was, restored or not.
        stamps: When each part ended.
        compared: Per table: rows restored, rows live, rows that would be lost, rows that come back.
    """

    id: str
    target: str
    started_at: datetime
    held: str = ""
    server_end: int | None = None
    reached_at: datetime | None = None
    newest_known: datetime | None = None
    stamps: Mapping[str, datetime] = field(default_factory=dict)
    compared: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    def stamped(self, part: str, at: datetime) -> "Progress":
        """Return this with the end of a part; the first time it ended counts."""
        return replace(self, stamps={part: at, **self.stamps})

    def begun_anew(self) -> "Progress":
        """Return this as it was before anything was stopped for it."""
        kept = {part: at for part, at in self.stamps.items() if part == "recovered"}
        return replace(self, server_end=None, stamps=kept)

    def parts(self) -> dict[str, float]:
        """Return the seconds each part took, in order."""
        ends = [(name, self.stamps[name]) for name in PARTS if name in self.stamps]
        marks = [("", self.started_at), *ends]
        return {
            name: max((end - begin).total_seconds(), 0.0)
            for (_, begin), (name, end) in pairwise(marks)
        }

    def lost_seconds(self) -> float | None:
        """Return how much older the restored data are than the newest there were."""
        if self.reached_at is None or self.newest_known is None:
            return None
        return max((self.newest_known - self.reached_at).total_seconds(), 0.0)


@dataclass(frozen=True, slots=True)
class ProgressFile:
    """Where it is kept: the open restore, and those that were finished."""

    directory: Path

    @property
    def current(self) -> Path:
        """The file of the open restore."""
        return self.directory / _CURRENT

    def read(self) -> Progress | None:
        """Return the open restore; None: there is none."""
        found = durable.read_json(self.current)
        return None if found is None else _of_json(found)

    def begin(self, target: str, at: datetime) -> Progress:
        """Open a restore."""
        opened = Progress(restore_id_at(at), target, at)
        self.write(opened)
        return opened

    def write(self, progress: Progress) -> None:
        """Keep how far it has come."""
        durable.write_json(self.current, _as_json(progress))

    def finish(self) -> None:
        """Close the open restore; what was kept of it stays under its id."""
        found = self.read()
        if found is not None:
            self.current.rename(self.directory / f"{found.id}.json")
            durable.sync_folder(self.directory)


def _as_json(progress: Progress) -> dict[str, Any]:
    values = asdict(progress)
    times = {name: None if values[name] is None else values[name].isoformat() for name in _TIMES}
    stamps = {name: at.isoformat() for name, at in progress.stamps.items()}
    return values | times | {"stamps": stamps}


def _of_json(found: dict[str, Any]) -> Progress:
    times = {name: None if found[name] is None else _moment(found[name]) for name in _TIMES}
    stamps = {name: _moment(words) for name, words in found["stamps"].items()}
    return Progress(**found | times | {"stamps": stamps})


def _moment(words: str) -> datetime:
    return datetime.fromisoformat(words)


_TIMES = ("started_at", "reached_at", "newest_known")
