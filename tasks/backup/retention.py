"""What is kept how long: old base backups and old log go, from the disk and from the bucket."""

from dataclasses import dataclass
from pathlib import Path

from infra.postgres.backup import base_backup, retention
from infra.postgres.backup.retention import Policy, Sweep
from infra.postgres.wal import PARTIAL, SIDECAR, Segment
from infra.postgres.wal_archive import offsite, place
from tasks.backup.base_backups import BaseVault
from tasks.kernel import Change, Unchanged, action
from trading_core.clock import SystemClock, seconds
from trading_core.storage.operations import base_backups

POLICY = Policy()
_SHOWS_WITHIN = seconds(10)


@dataclass(frozen=True, slots=True)
class Old:
    """What is to go from one place.

    Attributes:
        backups: Ids of base backups, with the reason of each.
        log: Names of files, or keys, of the log.
    """

    backups: dict[str, str]
    log: tuple[str, ...]

    def __bool__(self) -> bool:
        return bool(self.backups or self.log)

    def __str__(self) -> str:
        return f"{len(self.backups)} base backups and {len(self.log)} files of log"


@action
def ensure_old_backups_removed(
    vault: BaseVault, policy: Policy = POLICY
) -> Change[Old] | Unchanged[Old]:
    """Remove from the disk what is older than it is kept, never what a kept window needs."""
    old = _old_here(vault, policy)
    if not old:
        return Unchanged("nothing here is old enough to go", old)

    def act(_fence: int) -> Old:
        for backup_id, because in old.backups.items():
            base_backup.remove(vault.places / backup_id)
            with vault.operations.transaction() as connection:
                base_backups.set_removed(connection, backup_id, because)
        for name in old.log:
            (vault.archive.directory / name).unlink(missing_ok=True)
        return old

    return Change(
        does=f"remove {old} from the disk",
        act=act,
        holds=lambda: not _old_here(vault, policy),
        within=_SHOWS_WITHIN,
        facts={"base backups": old.backups, "log": list(old.log)},
    )


@action
def ensure_old_copies_removed(
    vault: BaseVault, policy: Policy = POLICY
) -> Change[Old] | Unchanged[Old]:
    """Remove the same from the bucket, where base backups are kept longer."""
    old = _old_there(vault, policy)
    if not old:
        return Unchanged("nothing in the bucket is old enough to go", old)

    def act(_fence: int) -> Old:
        bucket = vault.bucket
        for backup_id in old.backups:
            bucket.remove(bucket.keys(f"base/{backup_id}/"))
            with vault.operations.transaction() as connection:
                base_backups.set_bucket_emptied(connection, backup_id)
        bucket.remove(old.log)
        return old

    return Change(
        does=f"remove {old} from bucket {vault.settings.backup_bucket}",
        act=act,
        holds=lambda: not _old_there(vault, policy),
        within=_SHOWS_WITHIN,
        facts={"base backups": old.backups, "log": list(old.log)},
    )


def _old_here(vault: BaseVault, policy: Policy) -> Old:
    sweep = _sweep(vault, policy)
    folder = vault.archive.directory
    files = folder.rglob("*") if folder.is_dir() else ()
    names = [path.relative_to(folder).as_posix() for path in files if path.is_file()]
    return Old({one.id: one.because for one in sweep.here}, _going(sweep, names))


def _old_there(vault: BaseVault, policy: Policy) -> Old:
    sweep = _sweep(vault, policy)
    keys = vault.bucket.keys(place.UNDER)
    return Old({one.id: one.because for one in sweep.there}, _going(sweep, keys))


def _sweep(vault: BaseVault, policy: Policy) -> Sweep:
    return retention.sweep(vault.entries(), SystemClock().now(), policy)


def _going(sweep: Sweep, names: "list[str] | dict[str, int]") -> tuple[str, ...]:
    found = {name: _segment_of(name) for name in names}
    return tuple(sorted(name for name, one in found.items() if one and sweep.takes(one)))


def _segment_of(name: str) -> Segment | None:
    bare = Path(name).name.removesuffix(offsite.OPEN_ENDING).removesuffix(SIDECAR)
    return Segment.parse(bare.removesuffix(PARTIAL))
