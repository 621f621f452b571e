"""The exchange's memory: one JSON line per command, on the disk before anyone hears the answer.

    {"crc": CHECKSUM OF RECORD, "record": {"n": 1, ...}}

A line that a crash cut short is dropped: it was never answered. Anything else that does not add up
was not a crash, and the exchange refuses to start on it.
"""

import json
import os
import zlib
from collections.abc import Iterable
from pathlib import Path
from threading import Lock
from typing import Any

import structlog

from trading_core.errors import InvariantViolated, Unreachable

log = structlog.get_logger(__name__)

Record = dict[str, Any]


class Journal:
    """An open journal. Written by one thread; another one may flush.

    Attributes:
        grouped: Whether `append` leaves the flush to whoever answers, so that one flush carries
            many records. Nobody may hear of a record before `flush` has returned.
        written: How many records were written.
        flushed: How many of them are on the disk for certain.
    """

    def __init__(self, path: Path, records: int) -> None:
        self.grouped = False
        self.written = self.flushed = records
        self._path = path
        self._file = os.open(path, os.O_WRONLY | os.O_APPEND)
        self._flushing = Lock()
        self._failed = ""

    @property
    def failure(self) -> str:
        """Why nothing can be written any more; empty while all is well."""
        return self._failed

    def give_up(self, reason: str) -> None:
        """Take no more records: what they would say is not to be trusted."""
        self._failed = reason

    def close(self) -> None:
        """Close the file; what was written is on the disk, unless the journal has failed."""
        if self.flushed < self.written and not self._failed:
            self.flush()
        with self._flushing:
            os.close(self._file)

    def append(self, record: Record) -> None:
        """Put a record on the disk; return once it is there, or written when `grouped`.

        Raises:
            Unreachable: The disk did not take it. After a failed write the record is taken out
                again; after a failed flush nobody knows what is on the disk, and every further
                call fails until the exchange is started anew.
        """
        if self._failed:
            raise self._refused(self._failed)
        end = os.fstat(self._file).st_size
        line = _line({"n": self.written + 1, **record})
        try:
            if os.write(self._file, line) != len(line):
                raise OSError("the disk took only a part of it")
        except OSError as error:
            self._take_back(end)
            raise self._refused(str(error)) from error
        self.written += 1
        if not self.grouped:
            self.flush()

    def flush(self) -> None:
        """Return once everything written before the call is on the disk.

        Raises:
            Unreachable: The disk did not take it, now or at an earlier flush; as `append`.
        """
        with self._flushing:
            if self._failed:
                raise self._refused(self._failed)
            count = self.written
            try:
                os.fsync(self._file)
            except OSError as error:
                self._failed = f"flush failed: {error}"
                raise self._refused(self._failed) from error
            self.flushed = count

    def _take_back(self, end: int) -> None:
        try:
            os.ftruncate(self._file, end)
            os.fsync(self._file)
        except OSError as error:
            self._failed = f"a torn record could not be taken out: {error}"

    def _refused(self, found: str) -> Unreachable:
        return Unreachable(
            f"journal {self._path}: expected the disk to take a record, was {found}",
            next_step="make room on the disk, then start the exchange again",
        )


def start_journal(path: Path, first: Record, *, archive: Path | None) -> Journal:
    """Begin a new journal in place of the one at `path`, which is kept at `archive`.

    Whatever moment a crash chooses, a whole journal is at `path`: the old one or the new one.

    Raises:
        Unreachable: The disk did not take it; the old journal stands.
    """
    fresh = path.with_suffix(".new")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with fresh.open("wb") as file:
            file.write(_line({"n": 1, **first}))
            file.flush()
            os.fsync(file.fileno())
        if archive is not None:
            archive.unlink(missing_ok=True)
            archive.hardlink_to(path)
        fresh.replace(path)
        _flush_directory(path.parent)
    except OSError as error:
        raise Unreachable(
            f"journal {path}: expected the disk to take a new one, was {error}",
            next_step="make room on the disk and open the session again",
        ) from error
    return Journal(path, records=1)


def prune_archives(archives: Iterable[Path], kept: int) -> None:
    """Remove all but the last archived journals, by their names: account, then date.

    Starting again needs the current journal alone, so nothing is lost but what nobody reads. A
    file that cannot be removed is left for the next time.
    """
    for path in sorted(archives, reverse=True)[kept:]:
        try:
            path.unlink()
        except OSError as error:
            log.warning("journal not removed", path=str(path), error=str(error))


def resume_journal(path: Path) -> tuple[Journal, list[Record]]:
    """Open the journal at `path` and return what is in it.

    Raises:
        InvariantViolated: It is damaged other than by a cut at its end.
    """
    content = path.read_bytes()
    records: list[Record] = []
    whole = 0
    for line in content.splitlines(keepends=True):
        record = _record(line)
        if record is None or record.get("n") != len(records) + 1:
            break
        records.append(record)
        whole += len(line)
    if b"\n" in content[whole:]:
        raise InvariantViolated(
            f"journal {path}: expected record {len(records) + 1} at byte {whole}, was damaged",
            next_step=f"restore the file, or move it away to begin with a new account: {path}",
        )
    if whole < len(content):
        os.truncate(path, whole)
    journal = Journal(path, records=len(records))
    # A crash may have come between the write and the flush of the last of them.
    journal.flush()
    return journal, records


def _line(record: Record) -> bytes:
    text = json.dumps(record, separators=(",", ":"))
    return f'{{"crc":{zlib.crc32(text.encode())},"record":{text}}}\n'.encode()


def _record(line: bytes) -> Record | None:
    """Return the record of a whole line; None for anything else."""
    if not line.endswith(b"\n"):
        return None
    try:
        outer = json.loads(line)
    except ValueError:
        return None
    record = outer.get("record") if isinstance(outer, dict) else None
    return record if isinstance(record, dict) and _line(record) == line else None


def _flush_directory(directory: Path) -> None:
    handle = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
