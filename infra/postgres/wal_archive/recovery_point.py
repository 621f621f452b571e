"""The recovery point: the newest heartbeat that is safe, on the archive's disk and in the bucket.

A heartbeat is a committed row with a known place in the log. Once a copy of the log is safe beyond
that place, everything committed up to the heartbeat can be restored from the copy. So the age of
the newest safe heartbeat is the most that could be lost if the original vanished now: a measured
RPO, with the heartbeat's pause as its grain. While the server is down the age grows although
nothing new could be lost: it is an upper bound. It is written down, so that it goes on growing
when this service is dead.
"""

from collections import deque
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from threading import Lock

from infra.postgres.lsn import position, written
from trading_core import durable

_BEATS_KEPT = 1000


@dataclass(frozen=True, slots=True)
class Safe:
    """A heartbeat that a copy holds: when it was, and where it is in the log."""

    beat_at: datetime
    lsn: int


class RecoveryPoint:
    """What is safe in one copy of the log. Threads may share one."""

    def __init__(self, file: Path) -> None:
        """Go on from what `file` says."""
        self._file = file
        self._turn = Lock()
        self._waiting: deque[Safe] = deque(maxlen=_BEATS_KEPT)
        self.safe = read(file)

    def beaten(self, at: datetime, lsn: int) -> None:
        """Note a heartbeat, and that the log holds it before position `lsn`."""
        with self._turn:
            if self._waiting and lsn < self._waiting[-1].lsn:
                self._waiting.clear()  # the server was set back: those were of another history
            self._waiting.append(Safe(at, lsn))

    def is_safe_to(self, lsn: int) -> None:
        """Note that the copy holds the log up to position `lsn`."""
        newest: Safe | None = None
        with self._turn:
            while self._waiting and self._waiting[0].lsn <= lsn:
                newest = self._waiting.popleft()
        if newest is not None:
            self.safe = newest
            words = {"beat_at": newest.beat_at.isoformat(), "lsn": written(newest.lsn)}
            durable.write_json(self._file, words)

    def age_seconds(self, now: datetime) -> float:
        """Return how old the newest safe heartbeat is; infinite when none ever was."""
        return float("inf") if self.safe is None else (now - self.safe.beat_at).total_seconds()


def read(file: Path) -> Safe | None:
    """Return what a recovery point's file says; None when there is none, or it is none."""
    try:
        found = durable.read_json(file)
        return Safe(datetime.fromisoformat(found["beat_at"]), position(found["lsn"]))
    except (TypeError, KeyError, ValueError):
        return None
