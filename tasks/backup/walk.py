"""The walk through every backup that is kept: read whole, held against its checksum, and its age.

What was good when it was made may have rotted since. A backup found changed is marked unusable, so
that nothing is restored from it and nothing older is removed because of it.
"""

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta

from infra import archives
from infra.postgres.backup import base_backup
from tasks.backup.base_backups import BaseVault, described, key_of
from tasks.backup.retention import POLICY
from tasks.closing.backups import is_whole
from tasks.kernel import Change, Checklist, CheckResult, Unchanged, Verdict, action, check
from trading_core.clock import SystemClock, hours, seconds
from trading_core.errors import CheckFailed
from trading_core.settings import Settings
from trading_core.storage.operations import base_backups, day_backups

CHANGED = "changed"
NEWEST_MAX = hours(13)  # one every six hours, and one that may fail
# A day's pruning may be late, and what is held stays.
_GRACE = timedelta(days=2)
_SHOWS_WITHIN = seconds(10)
_SHOWN = 5


@check
def check_base_backups_whole(vault: BaseVault) -> CheckResult:
    """Hold every file of every base backup that is here against its checksum."""
    here = [one for one in vault.entries() if one.removed_at is None]
    troubles = {one.id: trouble for one in here if (trouble := _trouble(one))}
    size = sum(one.size_bytes for one in here)
    found = f"{len(here)} base backups, {size / 1e6:.0f} MB, {len(troubles)} bad"
    return _walked(found, len(here), troubles)


@check
def check_dumps_whole(vault: BaseVault) -> CheckResult:
    """Hold every dump that is here against its checksum."""
    with vault.operations.transaction() as connection:
        here = day_backups.of_site(connection, vault.settings.site)
    troubles = {one.id: "gone or changed" for one in here if not is_whole(one)}
    return _walked(f"{len(here)} dumps, {len(troubles)} bad", len(here), troubles)


@check
def check_archives_whole(settings: Settings) -> CheckResult:
    """Read every archive of logs, configuration, rows and binaries to its end."""
    every = sorted((settings.root / "backups").glob("*/*.tar.gz"))
    bad: dict[str, str] = {}
    for path in every:
        try:
            archives.contents(path)
        except ValueError as error:
            bad[path.name] = str(error)
    return _walked(f"{len(every)} archives, {len(bad)} bad", len(every), bad)


@check
def check_copies_complete(vault: BaseVault) -> CheckResult:
    """See that the bucket has every file of the base backups it is said to have."""
    said = [one for one in vault.entries() if one.bucket and not one.bucket_emptied_at]
    there = vault.bucket.keys("base/")
    lacking = {
        one.id: f"{len(missing)} files missing in the bucket"
        for one in said
        if (missing := [name for name in one.files if key_of(one.id, name) not in there])
    }
    return _walked(f"{len(said)} copies, {len(lacking)} incomplete", len(said), lacking)


@check
def check_backups_kept(vault: BaseVault) -> CheckResult:
    """Hold number and age of the base backups against what is promised to be kept."""
    here = [one for one in vault.entries() if one.removed_at is None]
    good = [one for one in here if one.is_good]
    now = SystemClock().now()
    troubles = list(_out_of_bounds([one.finished_at for one in here], now))
    if len(good) < POLICY.good_min:
        troubles.append(f"{len(good)} proven, {POLICY.good_min} are wanted")
    newest_hours = (now - good[-1].finished_at).total_seconds() / 3600 if good else None
    limit_hours = NEWEST_MAX.total_seconds() / 3600
    if newest_hours is None or newest_hours > limit_hours:
        troubles.append("no proven one is young enough")
    is_lost = not good or newest_hours is None or newest_hours > limit_hours
    verdict = Verdict.FAIL if is_lost else (Verdict.WARN if troubles else Verdict.PASS)
    newest = "none proven" if newest_hours is None else f"the newest {newest_hours:.1f} h old"
    return CheckResult(
        verdict,
        "; ".join([f"{len(here)} here, {len(good)} proven, {newest}", *troubles]),
        f"{POLICY.good_min} proven, the newest within {limit_hours:g} h, none older than "
        f"{POLICY.here.days} days",
        {"here": len(here), "proven": len(good)},
        newest_hours,
        limit_hours,
        " h",
    )


@action
def ensure_changed_marked(vault: BaseVault, walk: Checklist) -> Change[None] | Unchanged[None]:
    """Mark the backups that a walk found changed: they are not good, whatever they were.

    Args:
        walk: With the lines "base backups" and "dumps".
    """
    bases, dumps = _changed_in(walk, "base backups"), _changed_in(walk, "dumps")
    names = sorted({*bases, *dumps})

    def marked() -> bool:
        with vault.operations.transaction() as connection:
            known = [base_backups.find(connection, one) for one in bases]
            known_dumps = [day_backups.find(connection, one) for one in dumps]
        return not any(one is not None and one.restored_at for one in [*known, *known_dumps])

    def act(_fence: int) -> None:
        with vault.operations.transaction() as connection:
            for one in bases:
                base_backups.set_unusable(connection, one)
            for one in dumps:
                day_backups.set_unusable(connection, one)

    if not names or marked():
        return Unchanged("no backup counts as good that was found changed")
    return Change(
        does=f"mark {len(names)} changed backups unusable: {', '.join(names[:_SHOWN])}",
        act=act,
        holds=marked,
        within=_SHOWS_WITHIN,
        facts={"backups": names},
    )


def _walked(found: str, count: int, troubles: Mapping[str, str]) -> CheckResult:
    shown = "; ".join(f"{name}: {why}" for name, why in list(troubles.items())[:_SHOWN])
    verdict = Verdict.FAIL if troubles else Verdict.PASS
    if not count:
        verdict = Verdict.WARN
    return CheckResult(
        verdict,
        f"{found}: {shown}" if shown else found,
        "every one whole, and at least one",
        {CHANGED: list(troubles), "walked": count},
        len(troubles),
        0,
        " bad",
    )


def _trouble(entry: base_backups.Entry) -> str:
    try:
        changed = base_backup.changed_files(described(entry))
    except CheckFailed as error:
        return str(error)
    return f"changed: {', '.join(changed)}" if changed else ""


def _out_of_bounds(finished: list[datetime], now: datetime) -> Iterator[str]:
    old = [one for one in finished if now - one > POLICY.here + _GRACE]
    if len(old) > POLICY.good_min:
        yield f"{len(old)} are older than {POLICY.here.days} days"


def _changed_in(walk: Checklist, name: str) -> list[str]:
    found = next((line.result for line in walk.lines if line.name == name), None)
    changed = [] if found is None else found.evidence.get(CHANGED, [])
    assert isinstance(changed, list), "the walk's own evidence"
    return [str(one) for one in changed]
