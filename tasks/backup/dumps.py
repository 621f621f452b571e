"""Dumps of both databases: one a day of each, copied off this machine, removed when they are old.

Dumps of the day's end are among them. Which is of what, its id says: "eod-...",
"daily-trading-...", "daily-operations-...". Of each kind the newest proven ones stay.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

from infra.bucket import Bucket
from infra.postgres.backup import retention
from tasks.closing.backups import Vault
from tasks.kernel import Change, Unchanged, action
from trading_core.clock import SystemClock, seconds
from trading_core.settings import Settings
from trading_core.storage.connect import Database
from trading_core.storage.operations import day_backups
from trading_core.storage.operations.day_backups import DayBackup

KEPT_HERE = timedelta(days=30)  # SCH-12
KEPT_THERE = timedelta(days=90)
_GOOD_MIN = 2
_UNDER = "dumps/"
_DAILY = "daily"
_SHOWS_WITHIN = seconds(30)


@dataclass(frozen=True, slots=True)
class Dumps:
    """The dumps of a site, here and in the bucket."""

    settings: Settings
    catalogue: Database

    @property
    def trading(self) -> Vault:
        """Of the trading database."""
        return Vault.of(self.settings, self.catalogue)

    @property
    def operations(self) -> Vault:
        """Of the operations database; restored, to prove them, on the trading server."""
        owner, prover = (self.settings.secret(one) for one in ("operations_owner_dsn", "owner_dsn"))
        return Vault(self.trading.directory, owner, self.catalogue, self.settings.site, prover)

    @property
    def bucket(self) -> Bucket:
        """Where their copies lie."""
        return Bucket.of(self.settings)

    def id_of(self, database: str, day: date) -> str:
        """Return the id of a day's dump of "trading" or "operations"."""
        return f"{_DAILY}-{database}-{self.settings.site}-{day}"

    def files(self, backup_id: str) -> list[Path]:
        """Return a dump's files: itself, and its manifest."""
        return [self.trading.path(backup_id), self.trading.manifest_path(backup_id)]

    def entries(self, *, removed: bool = False) -> list[DayBackup]:
        """Return the dumps of the site, oldest first; with those whose files here are gone."""
        with self.catalogue.transaction() as connection:
            if removed:
                return day_backups.ever_of_site(connection, self.settings.site)
            return day_backups.of_site(connection, self.settings.site)


@action
def ensure_dumps_copied(dumps: Dumps) -> Change[list[str]] | Unchanged[list[str]]:
    """Copy to the bucket the dumps and manifests it has not, compared by checksum."""
    missing = _not_copied(dumps)
    names = [path.name for path in missing]

    def act(_fence: int) -> list[str]:
        dumps.bucket.ensure()
        for path in missing:
            dumps.bucket.put(_UNDER + path.name, path)
        return names

    if not missing:
        return Unchanged("the bucket has every dump", names)
    return Change(
        does=f"copy {len(names)} files of dumps to bucket {dumps.settings.backup_bucket}",
        act=act,
        holds=lambda: not _not_copied(dumps),
        within=_SHOWS_WITHIN,
        facts={"files": names},
    )


@action
def ensure_old_dumps_removed(dumps: Dumps) -> Change[list[str]] | Unchanged[list[str]]:
    """Remove dumps older than 30 days here, 90 in the bucket, never the newest proven ones."""
    here, there = _old_here(dumps), _old_there(dumps)
    names = sorted({*here, *there})

    def act(_fence: int) -> list[str]:
        for backup_id, because in here.items():
            for path in dumps.files(backup_id):
                path.unlink(missing_ok=True)
            with dumps.catalogue.transaction() as connection:
                day_backups.set_removed(connection, backup_id, because)
        dumps.bucket.remove(there)
        return names

    if not names:
        return Unchanged("no dump is old enough to go", names)
    return Change(
        does=f"remove {len(here)} old dumps from the disk, {len(there)} files from the bucket",
        act=act,
        holds=lambda: not _old_here(dumps) and not _old_there(dumps),
        within=_SHOWS_WITHIN,
        facts={"here": list(here), "bucket": there},
    )


def _not_copied(dumps: Dumps) -> list[Path]:
    bucket = dumps.bucket
    files = [path for one in dumps.entries() for path in dumps.files(one.id) if path.is_file()]
    return [path for path in files if not bucket.holds(_UNDER + path.name, path)]


def _old_here(dumps: Dumps) -> dict[str, str]:
    return _old(dumps.entries(), KEPT_HERE)


def _old_there(dumps: Dumps) -> list[str]:
    keys = dumps.bucket.keys(_UNDER)
    old = _old(dumps.entries(removed=True), KEPT_THERE)
    names = [_UNDER + path.name for one in old for path in dumps.files(one)]
    return [name for name in names if name in keys]


def _old(entries: Sequence[DayBackup], age: timedelta) -> dict[str, str]:
    """Return what is older than that and not needed, with the reason, each kind by itself."""
    kinds: dict[str, list[DayBackup]] = {}
    for one in entries:
        kinds.setdefault(_kind(one.id), []).append(one)
    now = SystemClock().now()
    gone = [going for kind in kinds.values() for going in retention.old(kind, now, age, _GOOD_MIN)]
    return {one.id: one.because for one in gone}


def _kind(backup_id: str) -> str:
    words = backup_id.split("-")
    return "-".join(words[:2]) if words[0] == _DAILY else words[0]
