"""The log's second place: every closed segment with its checksum, and the open one as it grows.

The bucket is listed anew every so often, because it may have forgotten what it had.
"""

import os
from datetime import timedelta
from pathlib import Path

import structlog
import zstandard

from infra.bucket import Bucket
from infra.postgres.backup import base_backup
from infra.postgres.wal import SIDECAR
from infra.postgres.wal_archive.folder import Folder
from trading_core.clock import stopwatch_seconds

log = structlog.get_logger(__name__)

UNDER = "wal/"
OPEN_ENDING = ".zst"
_LISTED_EVERY_SECONDS = 60.0


class Offsite:
    """Copies the archive's folder to a bucket. One thread works with it."""

    def __init__(self, bucket: Bucket, folder: Folder, open_every: timedelta) -> None:
        """Prepare it.

        Args:
            bucket: The second place.
            folder: What is copied.
            open_every: How often the open segment is copied.
        """
        self._bucket = bucket
        self._folder = folder
        self._open_every_seconds = open_every.total_seconds()
        self._listed_every_seconds = min(_LISTED_EVERY_SECONDS, self._open_every_seconds)
        self._listed_at: float | None = None
        self._open_at: float | None = None
        self._open_key = ""
        self._there: set[str] = set()

    def pending(self) -> list[Path]:
        """Return the closed segments that the bucket does not have, by what it said last."""
        return [
            path for path in self._folder.closed() if UNDER + path.name + SIDECAR not in self._there
        ]

    def copy(self, received: int) -> int | None:
        """Copy what is missing.

        Args:
            received: Up to which position of the log the folder is known to hold it.

        Returns:
            Up to which position the bucket now holds the log; None: no further than before.

        Raises:
            Unreachable: The bucket did not take it.
        """
        now = stopwatch_seconds()
        if self._listed_at is None or now - self._listed_at >= self._listed_every_seconds:
            self._bucket.ensure()
            self._there = set(self._bucket.keys(UNDER))
            self._listed_at = now
        for path in self.pending():
            self._copy_closed(path)
        if self._open_at is not None and now - self._open_at < self._open_every_seconds:
            return None
        self._copy_open()
        self._open_at = now
        # One that was closed meanwhile is not there yet, and may hold the position.
        return None if self.pending() else received

    def _copy_closed(self, path: Path) -> None:
        sidecar = path.with_name(path.name + SIDECAR)
        if not sidecar.exists():
            return  # closed a moment ago
        self._bucket.put(UNDER + path.name, path, sidecar.read_text().split()[0])
        # The checksum last: it says that the segment is there.
        self._bucket.put(UNDER + sidecar.name, sidecar)
        self._there |= {UNDER + path.name, UNDER + sidecar.name}

    def _copy_open(self) -> None:
        path = self._folder.open_segment()
        if path is None:
            return
        packed = path.with_name(f".{path.name}.{os.getpid()}{OPEN_ENDING}")
        key = f"{UNDER}{path.name}{OPEN_ENDING}"
        try:
            # Most of it is still zeros.
            with path.open("rb") as source, packed.open("wb") as target:
                zstandard.ZstdCompressor(level=1).copy_stream(source, target)
            self._bucket.put(key, packed, base_backup.file_sha256(packed))
        finally:
            packed.unlink(missing_ok=True)
        if self._open_key not in ("", key):
            self._bucket.remove([self._open_key])  # closed since, and copied whole
        self._open_key = key
