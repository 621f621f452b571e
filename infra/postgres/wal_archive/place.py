"""Where in the bucket a file of the log goes: a place for each server and each turn of a timeline.

The name of a segment is its timeline and its number, and both begin anew: on a server made anew
under the name of a lost one, and where two servers were promoted at different moments of the same
log. In one place the one would pass for the other, or overwrite it. The site is no part of this: it
is in the bucket's prefix.

    wal/<system identifier>/<timeline>[-from-<position it forked at>]/<file>
"""

import re
from collections.abc import Iterable
from pathlib import Path

from infra.postgres.lsn import position
from infra.postgres.wal import PARTIAL, Segment, system_identifier_of
from infra.postgres.wal_archive.folder import Folder

UNDER = "wal/"
_FORK = re.compile(r"\s*\d+\s+([0-9A-F]+/[0-9A-F]+)")


class Place:
    """The places of the files of one folder. One thread works with it."""

    def __init__(self, folder: Folder) -> None:
        self._folder = folder
        self._writers: dict[tuple[str, int], int] = {}

    def keys_of(self, paths: Iterable[Path]) -> dict[Path, str]:
        """Return the key of each file; none for one that does not tell yet whose it is."""
        turns: dict[int, str] = {}
        found: dict[Path, str] = {}
        for path in paths:
            timeline = int(path.name[:8], 16)
            writer = self._writer_of(path)
            if writer is not None:
                turn = turns.setdefault(timeline, self._turn(timeline))
                found[path] = f"{UNDER}{writer}/{turn}/{path.name}"
        return found

    def _turn(self, timeline: int) -> str:
        history = self._folder.path / f"{timeline:08X}.history"
        try:
            forks = [m[1] for m in map(_FORK.match, history.read_text().splitlines()) if m]
        except OSError:
            forks = []
        return f"{timeline:08X}" + (f"-from-{position(forks[-1]):016X}" if forks else "")

    def _writer_of(self, path: Path) -> int | None:
        """Return the server that wrote a segment; of a history: the one it was received from.

        None: the segment was made a moment ago, and is still empty.
        """
        if not _is_segment(path):
            newest = max(filter(_is_segment, self._folder.path.iterdir()), default=None)
            return None if newest is None else self._writer_of(newest)
        if path.name.endswith(PARTIAL):
            return system_identifier_of(path) or None
        known = (path.name, path.stat().st_mtime_ns)
        if known not in self._writers:
            self._writers[known] = system_identifier_of(path)
        return self._writers[known]


def _is_segment(path: Path) -> bool:
    return Segment.parse(path.name.removesuffix(PARTIAL)) is not None
