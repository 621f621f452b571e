"""The archive's folder: a checksum beside every closed segment, and what is not on the way."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from infra.postgres.backup import base_backup
from infra.postgres.wal import ABANDONED, PARTIAL, SIDECAR, Segment, Way
from trading_core import durable

_HISTORY = re.compile(r"[0-9A-F]{8}\.history")


@dataclass(frozen=True, slots=True)
class Folder:
    """Where pg_receivewal writes the log."""

    path: Path

    def closed(self) -> list[Path]:
        """Return the segments that are whole, and the histories; oldest name first."""
        return sorted(
            path
            for path in self._files()
            if Segment.parse(path.name) is not None or _HISTORY.fullmatch(path.name)
        )

    def open_segment(self) -> Path | None:
        """Return the newest segment that is still being written; None: there is none."""
        partial = [path for path in self._files() if path.name.endswith(PARTIAL)]
        return max(partial, key=lambda path: path.name, default=None)

    def newest_closed_at(self) -> float | None:
        """Return when a segment was last closed, in seconds since 1970; None: none was yet."""
        return max((path.stat().st_mtime for path in self.closed()), default=None)

    def add_sidecars(self) -> int:
        """Write a SHA-256 beside every closed segment that has none; return how many were made."""
        made = 0
        for path in self.closed():
            sidecar = path.with_name(path.name + SIDECAR)
            if not sidecar.exists():
                durable.write_text(sidecar, f"{base_backup.file_sha256(path)}  {path.name}\n")
                made += 1
        return made

    def set_aside(self, way: Way) -> int:
        """Move what is not on the server's way out of pg_receivewal's sight.

        After a restore the server goes on from an earlier point, on a new timeline. pg_receivewal
        would go on from the newest file it finds, which is then of a future that did not happen.

        Args:
            way: The timelines that lead to where the server is.

        Returns:
            How many segments were moved.
        """
        strays = [
            (path, one)
            for path in self._files()
            if (one := Segment.parse(path.name.removesuffix(PARTIAL))) is not None
            and one.timeline != way.timeline_at(one.number)
        ]
        return self._move([path for path, _ in strays], f"{ABANDONED}{way.timeline:08X}")

    def set_all_aside(self, timeline: int, at: datetime) -> int:
        """Move every segment away: the server no longer has what comes after the newest one."""
        segments = [
            path
            for path in self._files()
            if Segment.parse(path.name.removesuffix(PARTIAL)) is not None
        ]
        return self._move(segments, f"{ABANDONED}{timeline:08X}-{at:%Y%m%dT%H%M%SZ}")

    def _move(self, paths: Iterable[Path], name: str) -> int:
        moved = 0
        for path in sorted(paths):
            into = self.path / name
            into.mkdir(exist_ok=True)
            sidecar = path.with_name(path.name + SIDECAR)
            if sidecar.exists():
                sidecar.replace(into / sidecar.name)
            path.replace(into / path.name)
            moved += 1
        if moved:
            durable.sync_folder(self.path / name)
            durable.sync_folder(self.path)
        return moved

    def _files(self) -> list[Path]:
        return [path for path in self.path.iterdir() if path.is_file()]
