"""The second place as the only one left: what the bucket has, found without any catalogue.

Beside each base backup that was proven lies its line of the catalogue. With these, the log's
histories and the log itself, a restore needs neither this machine's disk nor the operations
database: the backup that serves the target and the log since are brought back, each file held
against the checksum it was written with, and the catalogue is written anew.
"""

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import zstandard

from infra.bucket import Bucket
from infra.postgres.backup import base_backup
from infra.postgres.backup.base_backup import DESCRIPTION, BaseBackup
from infra.postgres.lsn import position
from infra.postgres.restoring import recovery_plan
from infra.postgres.restoring.recovery_plan import Wanted
from infra.postgres.wal import PARTIAL, SEGMENT_BYTES, SIDECAR, Archive, Segment, Way
from infra.postgres.wal_archive.offsite import OPEN_ENDING
from infra.postgres.wal_archive.place import UNDER
from trading_core import durable
from trading_core.errors import CheckFailed
from trading_core.storage.operations.base_backups import Entry, of_json

CATALOGUE = "catalogue.json"
BASE = "base/"
HISTORY = ".history"
_BRINGING = ".partial"  # as of any backup that is not whole yet


@dataclass(frozen=True, slots=True)
class Lacking:
    """What of the second copy this machine needs and has not.

    Attributes:
        backup: The base backup to bring back; None: the one that serves is here.
        log: Keys of segments and histories.
        unknown: Proven backups that the catalogue does not know.
    """

    backup: Entry | None
    log: tuple[str, ...]
    unknown: tuple[Entry, ...]

    def __bool__(self) -> bool:
        return self.backup is not None or bool(self.log) or bool(self.unknown)

    def __str__(self) -> str:
        base = "no base backup" if self.backup is None else f"base backup {self.backup.id}"
        return (
            f"{base}, {len(self.log)} files of log and {len(self.unknown)} lines of the catalogue"
        )


@dataclass(frozen=True, slots=True)
class Copies:
    """A site's second copy, and where it belongs on this machine.

    Attributes:
        places: The directory of all base backups.
    """

    bucket: Bucket
    places: Path
    archive: Archive

    def entries(self) -> list[Entry]:
        """Return the proven base backups of the bucket, oldest first, as they would lie here.

        Raises:
            Unreachable: The bucket does not answer.
            CheckFailed: A line of the catalogue did not arrive as it was sent.
        """
        keys = [key for key in self.bucket.keys(BASE) if key.endswith(f"/{CATALOGUE}")]
        with tempfile.TemporaryDirectory() as folder:
            for number, key in enumerate(keys):
                self.bucket.fetch(key, Path(folder, f"{number}"))
            found = [of_json(durable.read_json(Path(folder, f"{n}"))) for n in range(len(keys))]
        here = [replace(one, path=self.places / one.id, bucket=self.bucket.name) for one in found]
        return sorted(here, key=lambda one: one.finished_at)

    def lacking(self, wanted: Wanted, known: Sequence[Entry]) -> Lacking:
        """Return what has to be brought back before the target can be looked for here.

        Args:
            known: The proven backups, here or in the bucket, as the catalogue has them.

        Raises:
            Unreachable: The bucket does not answer.
            CheckFailed: No place has a backup that serves.
        """
        told = {one.id: one for one in self.entries()}
        entries = list({**told, **{one.id: one for one in known}}.values())
        server = _server_of(entries, wanted)
        keys = self._keys_of(server)
        way = self._way(keys, wanted)
        own = [_as_backup(one) for one in entries if one.system_identifier == server]
        chosen = recovery_plan.choose(own, way, wanted)
        entry = next(one for one in entries if one.id == chosen.id)
        first = position(entry.start_lsn) // SEGMENT_BYTES
        needed = {key for key in keys if _is_history(key) or _serves(key, way, first)}
        # One that was closed since its beginning was copied is there whole.
        whole = {f"{key}{PARTIAL}{OPEN_ENDING}" for key in needed}
        return Lacking(
            None if self._is_whole(entry) else entry,
            tuple(sorted(key for key in needed - whole if self._is_absent(key))),
            tuple(one for one in entries if one not in known),
        )

    def bring(self, lacking: Lacking) -> None:
        """Copy what is lacking to where it belongs; a file is there by its name once it is whole.

        Raises:
            Unreachable: The bucket does not answer.
            CheckFailed: A file did not arrive as it was written.
        """
        if lacking.backup is not None:
            self._bring_backup(lacking.backup)
        for key in lacking.log:
            self._bring(key)

    def has(self, lacking: Lacking) -> bool:
        """Whether what was lacking is here by its name."""
        log = all((self.archive.directory / _name(key)).exists() for key in lacking.log)
        return log and (lacking.backup is None or self.is_here(lacking.backup))

    def _keys_of(self, server: str) -> list[str]:
        return list(self.bucket.keys(f"{UNDER}{server}/")) if server else []

    def _way(self, keys: Sequence[str], wanted: Wanted) -> Way:
        """Return the way to the timeline wanted, by the history here, or else by the bucket's."""
        there = max((_timeline(key) for key in keys), default=1)
        here = self.archive.way_to()
        timeline = wanted.timeline or max(there, here.timeline)
        if timeline == 1 or self.archive.history(timeline):
            return self.archive.way_to(timeline)
        told = [key for key in keys if _name(key) == f"{timeline:08X}{HISTORY}"]
        if len(told) > 1:
            raise CheckFailed(
                f"timeline {timeline}: expected one history in bucket {self.bucket.name}, found "
                f"{len(told)}: a server was promoted to it more than once",
                next_step="name an older timeline, or bring the right log back by hand",
            )
        with tempfile.TemporaryDirectory() as folder:
            for key in told:
                self.bucket.fetch(key, Path(folder, _name(key)))
            return Archive(Path(folder)).way_to(timeline)

    def is_here(self, entry: Entry) -> bool:
        """Whether a backup's files lie on this machine."""
        return (entry.path / DESCRIPTION).is_file()

    def _is_whole(self, entry: Entry) -> bool:
        return self.is_here(entry) and not base_backup.changed_files(_as_backup(entry))

    def _bring_backup(self, entry: Entry) -> None:
        base_backup.remove(entry.path)
        base_backup.remove_partial(self.places, entry.id)
        draft = entry.path.with_name(f"{entry.id}.brought{_BRINGING}")
        draft.mkdir(parents=True)
        for name in (*entry.files, CATALOGUE, DESCRIPTION):
            self.bucket.fetch(f"{BASE}{entry.id}/{name}", draft / name)
        changed = base_backup.changed_files(replace(_as_backup(entry), directory=draft))
        if changed:
            raise CheckFailed(
                f"base backup {entry.id} in bucket {self.bucket.name}: expected every file as it "
                f"was written, changed: {', '.join(changed)}",
                next_step="restore to a time before it: an older backup serves that",
            )
        draft.rename(entry.path)
        durable.sync_folder(self.places)

    def _bring(self, key: str) -> None:
        folder, name = self.archive.directory, _name(key)
        folder.mkdir(parents=True, exist_ok=True)
        if not key.endswith(OPEN_ENDING):
            self.bucket.fetch(key, folder / name)
            return
        with tempfile.TemporaryDirectory(dir=folder, prefix=".") as scratch:
            packed, draft = Path(scratch, "packed"), Path(scratch, name)
            self.bucket.fetch(key, packed)
            with packed.open("rb") as source, draft.open("wb") as target:
                zstandard.ZstdDecompressor().copy_stream(source, target)
            draft.replace(folder / name)

    def _is_absent(self, key: str) -> bool:
        """Whether a file is not here, or no longer what it was when it was archived."""
        name = _name(key)
        segment = Segment.parse(name.removesuffix(PARTIAL))
        if segment is None:
            return not (self.archive.directory / name).exists()
        here = self.archive.find(segment)
        if name.endswith(PARTIAL):
            return here is None  # what is here of an open segment is as new as the copy, or newer
        return here is None or here.is_partial or here.trouble() != ""


def _as_backup(entry: Entry) -> BaseBackup:
    return BaseBackup(
        id=entry.id,
        directory=entry.path,
        system_identifier=entry.system_identifier,
        timeline=entry.timeline,
        start_lsn=entry.start_lsn,
        stop_lsn=entry.stop_lsn,
        started_at=entry.started_at,
        finished_at=entry.finished_at,
        server_version=entry.server_version,
        size_bytes=entry.size_bytes,
        unpacked_bytes=entry.unpacked_bytes,
        files=entry.files,
    )


def _server_of(entries: Sequence[Entry], wanted: Wanted) -> str:
    """Return whose backup would serve; empty when there is none at all."""
    usable = [one for one in entries if wanted.until is None or one.finished_at <= wanted.until]
    newest = max(usable or entries, key=lambda one: one.finished_at, default=None)
    return "" if newest is None else newest.system_identifier


def _name(key: str) -> str:
    return key.rpartition("/")[2].removesuffix(OPEN_ENDING)


def _timeline(key: str) -> int:
    return int(_name(key)[:8], 16)


def _is_history(key: str) -> bool:
    return key.removesuffix(SIDECAR).endswith(HISTORY)


def _serves(key: str, way: Way, first: int) -> bool:
    """Whether a key is of a segment on the way, not before the first one needed."""
    one = Segment.parse(_name(key).removesuffix(SIDECAR).removesuffix(PARTIAL))
    if one is None or one.number < first or one.timeline != way.timeline_at(one.number):
        return False
    return key.split("/")[2] == _turn(way, one.timeline)


def _turn(way: Way, timeline: int) -> str:
    """Return the folder of a timeline on the way: as place.py names it."""
    before = {fork.timeline: fork.at for fork in way.forks}
    timelines = [*before, way.timeline]
    number = timelines.index(timeline)
    forked = "" if number == 0 else f"-from-{before[timelines[number - 1]]:016X}"
    return f"{timeline:08X}{forked}"
