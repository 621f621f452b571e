"""Base backups of the trading server: taken, copied off-site, restored and compared, pruned.

A backup is of a window of six hours and has its name, so a window is backed up once. It is good
from the moment it was restored beside the live server, with the archived log on top, and every
table was what it was at a known position of that log.
"""

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from prefect import task
from prefect.cache_policies import NO_CACHE
from psycopg.conninfo import conninfo_to_dict

from infra.bucket import Bucket
from infra.embedded import postgres
from infra.embedded.postgres import Cluster
from infra.postgres import programs
from infra.postgres.backup import base_backup, restore_test
from infra.postgres.backup.base_backup import BaseBackup
from infra.postgres.restoring import still
from infra.postgres.restoring.copies import BASE, CATALOGUE
from infra.postgres.restoring.still import Moment
from infra.postgres.wal import Archive
from tasks.kernel import Change, CheckResult, Unchanged, Verdict, action, check, current_run
from tasks.kernel.evidence import say, show_table, warn
from trading_core.clock import SystemClock, seconds
from trading_core.errors import CheckFailed
from trading_core.settings import Settings
from trading_core.storage.connect import Database, connect
from trading_core.storage.operations import base_backups, recoveries
from trading_core.storage.operations.base_backups import Entry
from trading_core.storage.operations.recoveries import Recovery

AGAIN = "run back-up-database again"
_SHOWS_WITHIN = seconds(5)
# In the name of a backup that was taken because the log behind another one has a gap.
_AGAIN = "-again-"
# The copy and the restored server stand beside the original for a while.
_ROOM = 2.2
_ROOM_BYTES_MIN = 512 << 20


@dataclass(frozen=True, slots=True)
class BaseVault:
    """Where the base backups of a site are: disk, bucket, catalogue.

    Attributes:
        operations: The operations database, which has the catalogue.
    """

    settings: Settings
    operations: Database

    @property
    def places(self) -> Path:
        """The directory of all base backups."""
        return self.settings.root / "backups" / "base"

    @property
    def archive(self) -> Archive:
        """The archived log."""
        return Archive(self.settings.root / "backups" / "wal")

    @property
    def bucket(self) -> Bucket:
        """The second place."""
        return Bucket.of(self.settings)

    @property
    def live(self) -> Cluster:
        """The live server: whose programs and account a restored one takes."""
        settings = self.settings
        given = settings.postgres_dsn
        binaries = None if given is None else programs.of_server(given)
        port = settings.port(postgres.TRADING)
        return postgres.cluster(settings.root, settings.host, port, binaries)

    def id_of(self, window: str) -> str:
        """Return the id of a window's backup."""
        return f"{self.settings.site}-{window}"

    def window_after_gap(self, present: str) -> str:
        """Return the window of a backup that stands in for the newest good one.

        The same for as long as that one is the newest: run again, nothing is taken twice.

        Args:
            present: The present window, for when there is no good one at all.
        """
        newest = self.newest_window()
        if newest is None:
            return present
        window, _, number = newest.partition(_AGAIN)
        return f"{window}{_AGAIN}{int(number or 1) + 1}"

    def newest_window(self) -> str | None:
        """Return the window of the newest good backup; None: there is none."""
        good = [one.id for one in self.entries() if one.is_good]
        return good[-1].removeprefix(self.id_of("")) if good else None

    def find(self, backup_id: str) -> Entry | None:
        """Return what the catalogue says of a backup."""
        with self.operations.transaction() as connection:
            return base_backups.find(connection, backup_id)

    def entries(self) -> list[Entry]:
        """Return every backup of this site that is in one of the places, oldest first."""
        with self.operations.transaction() as connection:
            return base_backups.of_site(connection, self.settings.site)


@check
def check_room_for_backup(vault: BaseVault) -> CheckResult:
    """Measure whether the disk takes another backup, and beside it the server restored from it."""
    owner = vault.settings.secret("owner_dsn")
    with connect(owner, application="room") as connection:
        row = connection.execute("SELECT pg_database_size(current_database())").fetchone()
    assert row is not None, "a function has a value"
    wanted = int(row[0] * _ROOM) + _ROOM_BYTES_MIN
    free = shutil.disk_usage(vault.settings.root).free
    return CheckResult(
        Verdict.PASS if free >= wanted else Verdict.FAIL,
        f"{free / 1e6:.0f} MB free",
        f"{wanted / 1e6:.0f} MB for a backup of {row[0] / 1e6:.0f} MB and its restore test",
        {"free_bytes": free, "database_bytes": row[0]},
    )


@action
def ensure_base_backup_taken(vault: BaseVault, backup_id: str) -> Change[Entry] | Unchanged[Entry]:
    """Copy the trading server, and read what is in every table at one position of its log."""
    return Change(
        does=f"take base backup {backup_id}",
        act=lambda _fence: _take(vault, backup_id),
        holds=lambda: _is(vault, backup_id, _is_whole),
        within=_SHOWS_WITHIN,
        target=backup_id,
        facts={"path": str(vault.places / backup_id)},
    ).unless_shown(f"base backup {backup_id} was taken already", vault.find(backup_id))


@action
def ensure_base_backup_copied(vault: BaseVault, backup_id: str) -> Change[None] | Unchanged[None]:
    """Copy a base backup to the bucket, each file compared by checksum; its description last."""
    bucket = vault.settings.backup_bucket
    return Change(
        does=f"copy base backup {backup_id} to bucket {bucket}",
        act=lambda _fence: _copy(vault, backup_id),
        holds=lambda: _is(vault, backup_id, lambda found: _is_copied(vault, found)),
        within=_SHOWS_WITHIN,
        target=backup_id,
    ).unless_shown(f"base backup {backup_id} is in bucket {bucket}")


@action
def ensure_base_backup_verified(vault: BaseVault, backup_id: str) -> Change[None] | Unchanged[None]:
    """Hold every file of a base backup against the checksum it was written with."""
    return Change(
        does=f"compare every file of base backup {backup_id} with its checksum",
        act=lambda _fence: _verify(vault, backup_id),
        holds=lambda: _is(vault, backup_id, lambda found: found.verified_at is not None),
        within=_SHOWS_WITHIN,
        target=backup_id,
    ).unless_shown(f"base backup {backup_id} was verified already")


@action
def ensure_base_backup_restored(vault: BaseVault, backup_id: str) -> Change[None] | Unchanged[None]:
    """Restore a base backup beside the live server, replay the log, compare all tables, drop it."""
    return Change(
        does=f"restore base backup {backup_id} beside the live server and compare every table",
        act=lambda _fence: _restore(vault, backup_id),
        holds=lambda: _is(vault, backup_id, lambda found: found.is_good),
        within=_SHOWS_WITHIN,
        target=backup_id,
    ).unless_shown(f"base backup {backup_id} was restored already")


@task(cache_policy=NO_CACHE)
def notify_base_backups(vault: BaseVault, backup_id: str) -> str:
    """Show every base backup, and say where the one of this window stands."""
    entries = vault.entries()
    rows = [
        {
            "backup": one.id,
            "taken": f"{one.finished_at:%F %T}",
            "MB": round(one.size_bytes / 1e6, 1),
            "here": "no" if one.removed_at else "yes",
            "bucket": one.bucket or "",
            "verified": f"{one.verified_at:%F %T}" if one.verified_at else "",
            "restored": f"{one.restored_at:%F %T}" if one.restored_at else "",
            "restore s": None if one.restore_seconds is None else round(one.restore_seconds, 1),
        }
        for one in entries
    ]
    show_table(f"{current_run().runbook}-list", rows, "Base backups, oldest first")
    known = next((one for one in entries if one.id == backup_id), None)
    standing = f"base backup {backup_id}: {'not taken' if known is None else standing_of(known)}"
    (say if known is not None and known.is_good else warn)(standing)
    before = [one for one in entries if one.is_good and one.id != backup_id]
    if known is not None and before and known.size_bytes < before[-1].size_bytes / 2:
        warn(
            f"{known.size_bytes / 1e6:.1f} MB is less than half of {before[-1].id} with "
            f"{before[-1].size_bytes / 1e6:.1f} MB: find out what went before it is the last one"
        )
    return standing


def standing_of(entry: Entry) -> str:
    """Return in words how far a backup has come."""
    places = "here and off-site" if entry.bucket else "here only"
    if not entry.is_good:
        return f"{places}, not proven by a restore"
    rows = sum(int(table["rows"]) for table in entry.state.values())
    return (
        f"good: {places}, {len(entry.state)} tables with {rows} rows restored and compared in "
        f"{entry.restore_seconds or 0:.1f} s"
    )


def described(entry: Entry) -> BaseBackup:
    """Return the backup that an entry of the catalogue is about.

    Raises:
        CheckFailed: Its directory is gone or holds another backup.
    """
    found = base_backup.read(entry.path)
    if dict(found.files) != dict(entry.files):
        raise CheckFailed(
            f"base backup {entry.id}: expected the files the catalogue describes, found others",
            next_step=AGAIN,
        )
    return found


def required(vault: BaseVault, backup_id: str) -> Entry:
    """Return a backup that must be in the catalogue by now.

    Raises:
        CheckFailed: It is not.
    """
    found = vault.find(backup_id)
    if found is None or found.removed_at is not None:
        raise CheckFailed(
            f"base backup {backup_id}: expected it in the catalogue, found none", next_step=AGAIN
        )
    return found


def key_of(backup_id: str, name: str) -> str:
    """Return the key of one file of a backup in the bucket."""
    return f"{BASE}{backup_id}/{name}"


def _is(vault: BaseVault, backup_id: str, so: Callable[[Entry], bool]) -> bool:
    """Whether the catalogue knows a backup, and it is so."""
    found = vault.find(backup_id)
    return found is not None and so(found)


def _is_copied(vault: BaseVault, entry: Entry) -> bool:
    return entry.uploaded_at is not None and not _missing(vault, entry)


def _is_whole(entry: Entry) -> bool:
    if entry.removed_at is not None:
        return False
    try:
        return not base_backup.changed_files(described(entry))
    except CheckFailed:
        return False


def _take(vault: BaseVault, backup_id: str) -> Entry:
    replication_dsn = vault.settings.secret("replication_dsn")
    place = vault.places / backup_id
    taken = _left_behind(place) or base_backup.take(replication_dsn, vault.places, backup_id)
    moment = still.measure(vault.settings.secret("owner_dsn"))
    entry = Entry(
        id=backup_id,
        site=vault.settings.site,
        path=place,
        system_identifier=taken.system_identifier,
        timeline=taken.timeline,
        start_lsn=taken.start_lsn,
        stop_lsn=taken.stop_lsn,
        started_at=taken.started_at,
        finished_at=taken.finished_at,
        server_version=taken.server_version,
        size_bytes=taken.size_bytes,
        unpacked_bytes=taken.unpacked_bytes,
        files=taken.files,
        state_lsn=moment.lsn,
        state_at=moment.at,
        state=moment.tables,
    )
    with vault.operations.transaction() as connection:
        base_backups.save(connection, entry)
    return entry


def _left_behind(place: Path) -> BaseBackup | None:
    """Return the whole backup a run left that was killed before it wrote it down; else clear up."""
    if not place.exists():
        return None
    try:
        found = base_backup.read(place)
        if not base_backup.changed_files(found):
            return found
    except CheckFailed:
        pass  # half of something that is not ours to keep
    base_backup.remove(place)
    return None


def _missing(vault: BaseVault, entry: Entry) -> list[str]:
    """Return the files that the bucket does not have as they are."""
    bucket = vault.bucket
    names = [*entry.files, base_backup.DESCRIPTION]
    return [name for name in names if not bucket.holds(key_of(entry.id, name), entry.path / name)]


def _copy(vault: BaseVault, backup_id: str) -> None:
    entry = required(vault, backup_id)
    bucket = vault.bucket
    bucket.ensure()
    bucket.remove([key_of(backup_id, CATALOGUE)])  # of one that was here before by this name
    # The description comes last: what has one is whole.
    for name in _missing(vault, entry):
        bucket.put(key_of(backup_id, name), entry.path / name, entry.files.get(name))
    with vault.operations.transaction() as connection:
        base_backups.set_uploaded(connection, backup_id, bucket.name)


def _verify(vault: BaseVault, backup_id: str) -> None:
    changed = base_backup.changed_files(described(required(vault, backup_id)))
    with vault.operations.transaction() as connection:
        if changed:
            base_backups.set_unusable(connection, backup_id)
        else:
            base_backups.set_verified(connection, backup_id)
    if changed:
        raise CheckFailed(
            f"base backup {backup_id}: expected every file as it was written, changed: "
            f"{', '.join(changed)}",
            next_step=f"look at the disk, then {AGAIN}: it is taken anew",
        )


def _restore(vault: BaseVault, backup_id: str) -> None:
    entry = required(vault, backup_id)
    moment = Moment(entry.state_lsn, entry.state_at, entry.state)
    owner = conninfo_to_dict(vault.settings.secret("owner_dsn").get_secret_value())
    started_at = SystemClock().now()
    tested = restore_test.run(
        vault.live, described(entry), vault.archive, moment, str(owner["dbname"])
    )
    measured = Recovery(
        kind="restore_test",
        subject=backup_id,
        started_at=started_at,
        parts={"restore and compare": tested.seconds},
        rto_seconds=tested.seconds,
        rpo_seconds=0.0,  # everything up to the moment that was measured
        outcome=f"{tested.tables} tables with {tested.rows} rows as they were",
    )
    with vault.operations.transaction() as connection:
        base_backups.set_restored(connection, backup_id, tested.seconds)
        recoveries.record(connection, measured)
