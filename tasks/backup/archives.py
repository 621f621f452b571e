"""Daily archives of small things: written, proven, copied to the bucket, kept for their time.

What is archived is for others to say (logs.py, configuration.py); here is what becomes of it.
"""

import re
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

from infra import archives
from infra.archives import Member
from infra.bucket import Bucket
from tasks.kernel import Change, Unchanged, action
from trading_core.clock import seconds
from trading_core.settings import Settings

KEPT = timedelta(days=90)  # SCH-09, SCH-10
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
_SHOWS_WITHIN = seconds(30)

# What gives the members of an archive, open for as long as it is written.
Collect = Callable[[], AbstractContextManager[Sequence[Member]]]


@dataclass(frozen=True, slots=True)
class Shelf:
    """The archives of one kind, here and in the bucket.

    Attributes:
        kind: The first word of their names, and the folder they lie in.
    """

    settings: Settings
    kind: str

    @property
    def directory(self) -> Path:
        """Where they lie."""
        return self.settings.root / "backups" / self.kind

    @property
    def bucket(self) -> Bucket:
        """Where their copies lie, under `kind`/."""
        return Bucket.of(self.settings)

    def path(self, day: date, version: str = "") -> Path:
        """Return the path of a day's archive; `version` tells several of one day apart."""
        return self.directory / f"{self.kind}-{day}{version and f'-{version}'}.tar.gz"

    def all(self) -> list[Path]:
        """Return every archive that is there, the oldest first."""
        return sorted(self.directory.glob(f"{self.kind}-*.tar.gz"))


def archived(path: Path, what: str, collect: Collect) -> Change[Path] | Unchanged[Path]:
    """Describe the writing of one archive, for an action that says what goes into it."""

    def act(_fence: int) -> Path:
        with collect() as members:
            archives.write(path, members)
        return path

    return Change(
        does=f"archive {what} as {path.name}",
        act=act,
        holds=lambda: archives.is_whole(path),
        within=_SHOWS_WITHIN,
        target=path.name,
        facts={"path": str(path)},
    ).unless_shown(f"{path.name} was written already, and is whole", path)


@action
def ensure_archives_copied(shelf: Shelf) -> Change[list[str]] | Unchanged[list[str]]:
    """Copy to the bucket what it has not, compared by checksum."""
    missing = _not_copied(shelf)

    def act(_fence: int) -> list[str]:
        shelf.bucket.ensure()
        for path in missing:
            shelf.bucket.put(f"{shelf.kind}/{path.name}", path)
        return names

    names = [path.name for path in missing]
    if not missing:
        return Unchanged(f"the bucket has every archive of {shelf.kind}", names)
    return Change(
        does=f"copy {len(names)} archives of {shelf.kind} to the bucket",
        act=act,
        holds=lambda: not _not_copied(shelf),
        within=_SHOWS_WITHIN,
        facts={"archives": names},
    )


@action
def ensure_old_archives_removed(
    shelf: Shelf, day: date
) -> Change[list[str]] | Unchanged[list[str]]:
    """Remove archives that are 90 days old on a day, here and in the bucket; never the newest."""
    limit = day - KEPT
    old = _older(shelf, limit)
    if not old:
        return Unchanged(f"no archive of {shelf.kind} is of before {limit}", old)
    return Change(
        does=f"remove {len(old)} archives of {shelf.kind} of before {limit}",
        act=lambda _fence: take_away(shelf, old),
        holds=lambda: not _older(shelf, limit),
        within=_SHOWS_WITHIN,
        facts={"archives": old},
    )


def take_away(shelf: Shelf, names: list[str]) -> list[str]:
    """Remove archives, here and in the bucket; return their names."""
    for name in names:
        (shelf.directory / name).unlink(missing_ok=True)
    shelf.bucket.remove(f"{shelf.kind}/{name}" for name in names)
    return names


def _not_copied(shelf: Shelf) -> list[Path]:
    bucket = shelf.bucket
    return [one for one in shelf.all() if not bucket.holds(f"{shelf.kind}/{one.name}", one)]


def _older(shelf: Shelf, limit: date) -> list[str]:
    here = {path.name for path in shelf.all()}
    there = {key.rpartition("/")[2] for key in shelf.bucket.keys(f"{shelf.kind}/")}
    every = sorted(here | there)
    return [name for name in every[:-1] if (day := day_of(name)) is not None and day < limit]


def day_of(name: str) -> date | None:
    """Return the day that an archive's name tells; None: it tells none."""
    found = _DATE.search(name)
    return date.fromisoformat(found.group()) if found else None
