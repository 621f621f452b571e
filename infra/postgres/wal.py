"""The WAL archive: which stretch of the log is whole and unbroken, and from where to where.

PostgreSQL recovers up to a missing or damaged segment and opens for business without a word. So
the stretch is walked here before anything is recovered: every segment by name, length and SHA-256.
"""

import hashlib
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from infra.postgres.lsn import position
from trading_core.errors import CheckFailed

SEGMENT_BYTES = 16 * 1024 * 1024
_SEGMENTS_PER_LOG = 0x1_0000_0000 // SEGMENT_BYTES
_NAME = re.compile(r"([0-9A-F]{8})([0-9A-F]{8})([0-9A-F]{8})")
_HISTORY = re.compile(r"([0-9A-F]{8})\.history")
_FORK = re.compile(r"\s*(\d+)\s+([0-9A-F]+/[0-9A-F]+)")
PARTIAL = ".partial"
SIDECAR = ".sha256"
# Segments of a timeline that a restore left behind are kept in folders of this name.
ABANDONED = "abandoned-by-timeline-"


@dataclass(frozen=True, slots=True, order=True)
class Segment:
    """One file of 16 MiB of the log, on one timeline."""

    timeline: int
    number: int

    @property
    def name(self) -> str:
        """The file's name."""
        log, part = divmod(self.number, _SEGMENTS_PER_LOG)
        return f"{self.timeline:08X}{log:08X}{part:08X}"

    @property
    def begins(self) -> int:
        """The first position in it."""
        return self.number * SEGMENT_BYTES

    @property
    def ends(self) -> int:
        """The first position after it."""
        return self.begins + SEGMENT_BYTES

    @classmethod
    def parse(cls, name: str) -> "Segment | None":
        """Return the segment a file of this name holds; None: it is no (whole) segment."""
        match = _NAME.fullmatch(name)
        if match is None:
            return None
        timeline, log, part = (int(group, 16) for group in match.groups())
        return cls(timeline, log * _SEGMENTS_PER_LOG + part)


@dataclass(frozen=True, slots=True)
class Piece:
    """One segment as the archive has it.

    Attributes:
        is_partial: It is still being written: zeros follow the last record.
        sha256: Of the whole segment, as written down when it was archived.
    """

    segment: Segment
    path: Path
    is_partial: bool
    sha256: str | None

    def trouble(self) -> str:
        """Return what is wrong with the file, in words; empty when nothing is."""
        size = self.path.stat().st_size
        if size != SEGMENT_BYTES:
            return f"segment {self.segment.name}: expected {SEGMENT_BYTES} bytes, has {size}"
        if self.is_partial:
            return ""
        if self.sha256 is None:
            return f"segment {self.segment.name}: expected a SHA-256 beside it, found none"
        if sha256_of(self.path) != self.sha256:
            return f"segment {self.segment.name}: its SHA-256 is not the one it was archived with"
        return ""


@dataclass(frozen=True, slots=True)
class Fork:
    """Where a timeline was left for a newer one."""

    timeline: int
    at: int


@dataclass(frozen=True, slots=True)
class Way:
    """The timelines that lead to one of them, oldest first, each with the fork that ends it."""

    timeline: int
    forks: tuple[Fork, ...] = ()

    def timeline_at(self, number: int) -> int:
        """Return the timeline of the segment `number`: after a fork within it, the newer one."""
        for fork in self.forks:
            if number < fork.at // SEGMENT_BYTES:
                return fork.timeline
        return self.timeline

    def leads_through(self, timeline: int, lsn: int) -> bool:
        """Whether a position on a timeline lies on this way."""
        for fork in self.forks:
            if fork.timeline == timeline:
                return lsn <= fork.at
        return timeline == self.timeline


@dataclass(frozen=True, slots=True)
class Chain:
    """A stretch of the log without a gap, every file of it proven.

    Attributes:
        fault: Why it goes no further although there ought to be more; empty at the archive's end.
    """

    way: Way
    start: int
    pieces: tuple[Piece, ...]
    fault: str = ""

    @property
    def ends(self) -> int:
        """The first position after its last file."""
        return self.pieces[-1].segment.ends if self.pieces else self.start

    @property
    def size_bytes(self) -> int:
        """Bytes of all its files."""
        return len(self.pieces) * SEGMENT_BYTES


@dataclass(frozen=True, slots=True)
class Archive:
    """The folder that continuous archiving writes to: segments, their SHA-256, histories."""

    directory: Path

    def way_to(self, timeline: int | None = None) -> Way:
        """Return the way to a timeline; None: the newest the archive knows.

        Raises:
            CheckFailed: Its history is not in the archive.
        """
        wanted = timeline or self._newest_timeline()
        if wanted == 1:
            return Way(1)
        path = self.history(wanted)
        if path is None:
            raise CheckFailed(
                f"WAL archive: expected {wanted:08X}.history, the way to timeline {wanted}, "
                "found none",
                next_step="bring the file back from the second copy, or name an older timeline",
            )
        forks = [Fork(int(m[1]), position(m[2])) for m in map(_FORK.match, _lines(path)) if m]
        return Way(wanted, tuple(forks))

    def history(self, timeline: int) -> Path | None:
        """Return the file that tells how a timeline came about."""
        return next(iter(self._named(f"{timeline:08X}.history")), None)

    def histories(self) -> tuple[Path, ...]:
        """Return the history of every timeline there has been."""
        return tuple(path for path in self._files() if _HISTORY.fullmatch(path.name))

    def find(self, segment: Segment) -> Piece | None:
        """Return a segment, the whole one before the one still being written; None: not here."""
        for path in self._named(segment.name):
            return Piece(segment, path, is_partial=False, sha256=_sidecar(path))
        # What was set aside first: since then a receiver may have had the segment again, but only
        # as far as the fork.
        for path in reversed(list(self._named(segment.name + PARTIAL))):
            return Piece(segment, path, is_partial=True, sha256=None)
        return None

    def walk(self, way: Way, start: int) -> Chain:
        """Follow the log from a position for as far as it is whole."""
        pieces: list[Piece] = []
        number = start // SEGMENT_BYTES
        while True:
            piece = self.find(Segment(way.timeline_at(number), number))
            fault = self._fault(way, number, piece)
            if fault or piece is None:
                return Chain(way, start, tuple(pieces), fault)
            pieces.append(piece)
            if piece.is_partial:
                return Chain(way, start, tuple(pieces))
            number += 1

    def newest_number(self, way: Way) -> int:
        """Return the highest number of a segment of a way that left a trace here; -1: none."""
        numbers = [
            one.number for one in self._traces() if one.timeline == way.timeline_at(one.number)
        ]
        return max(numbers, default=-1)

    def unsealed(self) -> list[str]:
        """Return the whole segments that have no checksum beside them yet."""
        whole = [path for path in self._files() if Segment.parse(path.name) is not None]
        return [path.name for path in whole if _sidecar(path) is None]

    def _fault(self, way: Way, number: int, piece: Piece | None) -> str:
        newest = self.newest_number(way)
        if piece is None:
            name = Segment(way.timeline_at(number), number).name
            return f"segment {name} is missing" if newest >= number else ""
        if piece.is_partial and newest > number:
            return f"segment {piece.segment.name} was never archived whole, though later ones were"
        return piece.trouble()

    def _newest_timeline(self) -> int:
        told = [int(m[1], 16) for m in (_HISTORY.fullmatch(p.name) for p in self._files()) if m]
        return max([*told, *(one.timeline for one in self._traces())], default=1)

    def _traces(self) -> Iterator[Segment]:
        for path in self._files():
            # A checksum without its segment tells that there was one.
            found = Segment.parse(path.name.removesuffix(SIDECAR).removesuffix(PARTIAL))
            if found is not None:
                yield found

    def _files(self) -> Iterator[Path]:
        for folder in self._folders():
            if folder.is_dir():
                yield from folder.iterdir()

    def _named(self, name: str) -> Iterator[Path]:
        return (folder / name for folder in self._folders() if (folder / name).is_file())

    def _folders(self) -> list[Path]:
        return [self.directory, *sorted(self.directory.glob(f"{ABANDONED}*"))]


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _sidecar(path: Path) -> str | None:
    beside = path.with_name(path.name + SIDECAR)
    words = beside.read_text().split() if beside.is_file() else []
    return words[0] if words else None


def _lines(path: Path) -> list[str]:
    return path.read_text().splitlines()


def system_identifier_of(path: Path) -> int:
    """Return which server wrote a segment, from the header of its first page."""
    # Of the long page header, in the machine's own byte order: eight bytes from byte 24 on.
    with path.open("rb") as file:
        return int.from_bytes(file.read(32)[24:], sys.byteorder)
