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
from infra.postgres.wal_archive.place import UNDER, Place
from trading_core.clock import stopwatch_seconds

log = structlog.get_logger(__name__)

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
        self._place = Place(folder)
        self._open_every_seconds = open_every.total_seconds()
        self._listed_every_seconds = min(_LISTED_EVERY_SECONDS, self._open_every_seconds)
        self._listed_at: float | None = None
        self._open_at: float | None = None
        self._open_key = ""
        self._there: set[str] = set()

    def pending(self) -> list[Path]:
        """Return the closed segments that the bucket does not have, by what it said last."""
        return list(self._missing())

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
        for path, key in self._missing().items():
            self._copy_closed(path, key)
        if self._open_at is not None and now - self._open_at < self._open_every_seconds:
            return None
        self._copy_open()
        self._open_at = now
        # One that was closed meanwhile is not there yet, and may hold the position.
        return None if self.pending() else received

    def _missing(self) -> dict[Path, str]:
        keys = self._place.keys_of(self._folder.closed())
        return {path: key for path, key in keys.items() if key + SIDECAR not in self._there}

    def _copy_closed(self, path: Path, key: str) -> None:
        sidecar = path.with_name(path.name + SIDECAR)
        if not sidecar.exists():
            return  # closed a moment ago
        self._bucket.put(key, path, sidecar.read_text().split()[0])
        # The checksum last: it says that the segment is there.
        self._bucket.put(key + SIDECAR, sidecar)
        self._there |= {key, key + SIDECAR}

    def _copy_open(self) -> None:
        path = self._folder.open_segment()
        place = None if path is None else self._place.keys_of([path]).get(path)
        if path is None or place is None:
            return
        key = place + OPEN_ENDING
        packed = path.with_name(f".{path.name}.{os.getpid()}{OPEN_ENDING}")
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
