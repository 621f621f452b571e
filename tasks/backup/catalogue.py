"""The catalogue beside what it is of: the bucket by itself tells which base backups are proven."""

from infra.bucket import Bucket
from infra.postgres.restoring.copies import BASE, CATALOGUE
from tasks.backup.base_backups import BaseVault
from tasks.kernel import Change, Unchanged, action
from trading_core import durable
from trading_core.clock import seconds
from trading_core.storage.operations import base_backups
from trading_core.storage.operations.base_backups import Entry

_SHOWS_WITHIN = seconds(10)


@action
def ensure_catalogue_copied(vault: BaseVault) -> Change[None] | Unchanged[None]:
    """Leave its line of the catalogue beside every proven base backup in the bucket."""
    return Change(
        does=f"leave the catalogue of base backups in bucket {vault.settings.backup_bucket}",
        act=lambda _fence: _copy(vault),
        holds=lambda: not _untold(vault, vault.bucket),
        within=_SHOWS_WITHIN,
    ).unless_shown("the bucket tells of every base backup that was proven")


def _untold(vault: BaseVault, bucket: Bucket) -> list[Entry]:
    there = bucket.keys(BASE)
    proven = [one for one in vault.entries() if one.is_good and one.bucket == bucket.name]
    return [one for one in proven if _key(one) not in there and one.path.is_dir()]


def _copy(vault: BaseVault) -> None:
    bucket = vault.bucket
    for entry in _untold(vault, bucket):
        path = entry.path / CATALOGUE
        durable.write_json(path, base_backups.as_json(entry))
        bucket.put(_key(entry), path)


def _key(entry: Entry) -> str:
    return f"{BASE}{entry.id}/{CATALOGUE}"
