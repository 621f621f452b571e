"""The recovered server takes the live one's place: two renames, and the old data kept aside.

The log goes on on a new timeline. What the archive holds of the old one behind the fork is set
aside too: a receiver would go on from there, on a timeline the server no longer knows.
"""

import shutil
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from infra.embedded.postgres import Cluster
from infra.postgres.restoring import recovery
from infra.postgres.restoring.recovery import Scratch
from infra.postgres.wal import ABANDONED, PARTIAL, SIDECAR, Archive, Segment, Way
from trading_core import durable
from trading_core.clock import SystemClock
from trading_core.errors import CheckFailed

_MARK = "restored_by_tradeops"
_KEPT = "data.before-"


@dataclass(frozen=True, slots=True)
class Swap:
    """One exchange of the data directory. Whatever was interrupted, `carry_out` finishes.

    Attributes:
        restore_id: Of the restore; names what is kept aside.
    """

    live: Cluster
    scratch: Scratch
    restore_id: str

    @property
    def kept(self) -> Path:
        """Where the replaced data lie."""
        return self.live.home / f"{_KEPT}{self.restore_id}"

    @property
    def is_done(self) -> bool:
        """Whether the live data directory is the restored one."""
        return self._mark_of(self.live.data_dir) == self.restore_id

    def carry_out(self) -> None:
        """Put the recovered data into the live server's place, and keep what was there.

        Raises:
            CheckFailed: A server runs in one of the directories, or recovery has not ended.
        """
        if self.is_done:
            return
        for directory in (self.live.data_dir, self.scratch.data_dir):
            if recovery.servers_of(directory):
                raise CheckFailed(
                    f"{directory}: expected no server at work in it, found one",
                    next_step="stop it, then run restore-database again",
                )
        if not self.scratch.is_promoted:
            raise CheckFailed(
                f"{self.scratch.data_dir}: expected a server whose recovery has ended, was none",
                next_step="run restore-database again: it recovers anew",
            )
        self.scratch.write(self.scratch.data_dir / _MARK, self.restore_id)
        self._set_aside()
        self.scratch.data_dir.rename(self.live.data_dir)
        durable.sync_folder(self.live.home)

    def _set_aside(self) -> None:
        if not self.live.data_dir.exists():
            return
        if self.kept.exists():
            # An `up` between our two renames has made an empty server: kept as well, beside it.
            shutil.rmtree(f"{self.kept}.empty", ignore_errors=True)
            self.live.data_dir.rename(f"{self.kept}.empty")
        else:
            self.live.data_dir.rename(self.kept)

    def _mark_of(self, directory: Path) -> str:
        try:
            return (directory / _MARK).read_text()
        except OSError:
            return ""


def forget_kept(live: Cluster, older_than: timedelta) -> list[str]:
    """Remove replaced data that have been kept long enough; return their names."""
    before = SystemClock().now() - older_than
    forgotten = kept_before(live, before)
    for name in forgotten:
        shutil.rmtree(live.home / name)
    return forgotten


def kept_before(live: Cluster, moment: datetime) -> list[str]:
    """Return the names of replaced data whose restore began before a moment."""
    limit = f"{_KEPT}{restore_id_at(moment)}"
    return sorted(path.name for path in live.home.glob(f"{_KEPT}*") if path.name < limit)


def restore_id_at(moment: datetime) -> str:
    """Return the id of a restore that began at a moment; ids stand in the order of time."""
    return f"{moment.astimezone(UTC):%Y%m%dT%H%M%S.%fZ}"


def follow_fork(archive: Archive, data_dir: Path) -> list[str]:
    """Have the archive go on on the timeline of a restored server; return what was set aside.

    Args:
        archive: Nobody may be writing to it.
        data_dir: Of the restored server.
    """
    history = max(data_dir.glob("pg_wal/*.history"), default=None)
    if history is None:
        return []
    timeline = int(history.stem, 16)
    into = archive.directory / history.name
    if not into.exists():
        durable.write_text(into, history.read_text())
    way = archive.way_to(timeline)
    _bring_back(archive, way)
    aside = archive.directory / f"{ABANDONED}{timeline:08X}"
    moved = [path for path in archive.directory.iterdir() if _is_behind(path, way)]
    for path in moved:
        aside.mkdir(exist_ok=True)
        path.rename(aside / path.name)
    return sorted(path.name for path in moved)


def _bring_back(archive: Archive, way: Way) -> None:
    """Put what an earlier restore set aside back, where the way leads through it after all."""
    for path in archive.directory.glob(f"{ABANDONED}*/*"):
        segment = _segment_of(path)
        if segment is None or segment.ends > way.forks[-1].at:
            continue
        if segment.timeline == way.timeline_at(segment.number):
            path.rename(archive.directory / path.name)


def _is_behind(path: Path, way: Way) -> bool:
    segment = _segment_of(path)
    if segment is None or segment.timeline == way.timeline:
        return False
    return segment.ends > way.forks[-1].at


def _segment_of(path: Path) -> Segment | None:
    return Segment.parse(path.name.removesuffix(SIDECAR).removesuffix(PARTIAL))
