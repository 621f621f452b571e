"""Files that are made once and kept: bars by day and reports, each as it is in the bucket."""

from pathlib import Path

from infra.bucket import Bucket
from tasks.kernel import Change, Unchanged, action
from trading_core.clock import seconds
from trading_core.settings import Settings

_FOLDERS = ("data", "reports")
_UNDER = "files/"
_SHOWS_WITHIN = seconds(60)


@action
def ensure_data_copied(settings: Settings) -> Change[int] | Unchanged[int]:
    """Copy to the bucket the files of data and reports it has not; return how many.

    Nothing is removed there: what was dropped here as too old stays where it is cheap.
    """
    missing = _not_copied(settings)

    def act(_fence: int) -> int:
        bucket = Bucket.of(settings)
        bucket.ensure()
        for path in missing:
            bucket.put(_key(settings, path), path)
        return len(missing)

    if not missing:
        return Unchanged("the bucket has every file of data and reports", 0)
    return Change(
        does=f"copy {len(missing)} files of data and reports to the bucket",
        act=act,
        holds=lambda: not _not_copied(settings),
        within=_SHOWS_WITHIN,
        facts={"first": missing[0].name, "files": len(missing)},
    )


def _not_copied(settings: Settings) -> list[Path]:
    bucket = Bucket.of(settings)
    there = bucket.keys(_UNDER)
    found = []
    for folder in _FOLDERS:
        for path in sorted((settings.root / folder).rglob("*")):
            if not path.is_file() or path.name.startswith("."):
                continue
            key = _key(settings, path)
            # Its size first: most are there, and asking for each checksum costs a round trip.
            if there.get(key) != path.stat().st_size or not bucket.holds(key, path):
                found.append(path)
    return found


def _key(settings: Settings, path: Path) -> str:
    return f"{_UNDER}{path.relative_to(settings.root).as_posix()}"
