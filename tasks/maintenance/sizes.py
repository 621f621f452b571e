"""How large things are, kept once a day, and how long the room lasts at the pace they grow."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from math import isinf
from pathlib import Path

import psutil
from prefect import task
from prefect.cache_policies import NO_CACHE
from pydantic import SecretStr

from tasks.kernel import Change, CheckResult, Unchanged, Verdict, action, check, current_run
from tasks.kernel.evidence import show_table
from trading_core.clock import seconds
from trading_core.settings import Settings
from trading_core.status.probes.host import volumes
from trading_core.storage.connect import Database, connect
from trading_core.storage.operations import sizes
from trading_core.storage.operations.sizes import DAYS_MIN, Trend

VOLUME = "volume of the state directory"
DAYS_LEFT_WARN = 90.0
DAYS_LEFT_MIN = 21.0
_LOOK_BACK_DAYS = 60
_SHOWN = 20
_FOLDERS = ("backups", "logs", "reports", "data", "paper")
_OWNERS = {"trading": "owner_dsn", "operations": "operations_owner_dsn"}
_SHOWS_WITHIN = seconds(10)
_READ_WITHIN = seconds(60)
_MB = 1e6

_TABLES = """
SELECT relname, pg_total_relation_size(oid) FROM pg_class
WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'
"""


@action
def ensure_sizes_measured(
    settings: Settings, operations: Database, day: date
) -> Change[int] | Unchanged[int]:
    """Measure and keep a day's sizes: databases, their tables, folders, and each volume's use."""

    def is_measured() -> bool:
        with operations.transaction() as connection:
            return sizes.is_measured(connection, settings.site, day)

    def act(_fence: int) -> int:
        found = _measured(settings)
        with operations.transaction() as connection:
            sizes.save(connection, settings.site, day, found)
        return len(found)

    return Change(
        does=f"measure and keep the sizes of {day}",
        act=act,
        holds=is_measured,
        within=_SHOWS_WITHIN,
        target=str(day),
    ).unless_shown(f"the sizes of {day} are kept already")


@check
def check_room_lasts(settings: Settings, operations: Database, day: date) -> CheckResult:
    """Tell how many days are left on each volume, at the pace it fills up (HLT-30).

    The line is that of the volume which lasts shortest, unless one could not be told.
    """
    trends = {one.what: one for one in _trends(settings, operations, day)}
    rooms = [_room(name, path, trends.get(name)) for name, path in _volumes(settings).items()]
    evidence = {one.name: f"{one.words}, {one.used_percent:.1f} % used" for one in rooms}
    told = [one for one in rooms if one.days_left is not None]
    worst = min(told, key=lambda one: one.days_left or 0.0, default=None)
    verdict = Verdict.UNKNOWN if worst is None else _graded(worst.days_left)
    unknown = next((one for one in rooms if one.days_left is None), None)
    if unknown is not None and verdict is not Verdict.FAIL:
        verdict, worst = Verdict.UNKNOWN, unknown
    limit = DAYS_LEFT_MIN if verdict is Verdict.FAIL else DAYS_LEFT_WARN
    days = None if worst is None else worst.days_left
    return CheckResult(
        verdict,
        "no volume" if worst is None else f"{worst.name}: {worst.words}",
        f"more than {DAYS_LEFT_WARN:g} days left on each of {len(rooms)} volumes",
        evidence,
        None if days is None or isinf(days) else days,
        limit,
        " days",
    )


@check
def check_sizes_kept(settings: Settings, operations: Database, day: date) -> CheckResult:
    """See that the sizes of a day are kept, so that the trend has no hole."""
    found = [one.size_bytes for one in _trends(settings, operations, day)]
    with operations.transaction() as connection:
        is_there = sizes.is_measured(connection, settings.site, day)
    return CheckResult(
        Verdict.PASS if is_there else Verdict.WARN,
        f"{len(found)} sizes of {day}" if is_there else f"none of {day}",
        f"the sizes of {day}",
        {},
        len(found),
        1,
        " sizes",
    )


@dataclass(frozen=True, slots=True)
class _Room:
    """What is left of one volume; no days where the trend is not known yet."""

    name: str
    days_left: float | None
    used_percent: float
    words: str


def _room(name: str, path: Path, trend: Trend | None) -> _Room:
    disk = psutil.disk_usage(str(path))
    left = None if trend is None else trend.days_left(disk.free)
    room = f"{disk.free / 1e9:.1f} GB free"
    if trend is None or trend.day_bytes is None or left is None:
        days = 0 if trend is None else trend.days
        words = f"measured over {days} days, {DAYS_MIN} are needed; {room}"
        return _Room(name, None, disk.percent, words)
    lasts = "it does not fill up" if isinf(left) else f"{left:.0f} days left"
    words = f"{lasts}: {trend.day_bytes / _MB:+.1f} MB a day, {room}"
    return _Room(name, left, disk.percent, words)


def _graded(days_left: float | None) -> Verdict:
    if days_left is None or days_left < DAYS_LEFT_MIN:
        return Verdict.FAIL
    return Verdict.PASS if days_left > DAYS_LEFT_WARN else Verdict.WARN


def _volumes(settings: Settings) -> dict[str, Path]:
    """Return a directory on each volume, by what its size is called in the record."""
    found = volumes(settings.root)
    return {f"volume of {name}" if name else VOLUME: path for name, path in found.items()}


@task(cache_policy=NO_CACHE)
def notify_capacity(settings: Settings, operations: Database, day: date) -> str:
    """Show what is largest and what it grows by, with how long the room would last for it alone."""
    free = psutil.disk_usage(str(settings.root)).free
    rows = [_row(one, free) for one in _trends(settings, operations, day)[:_SHOWN]]
    title = f"Largest first, {free / 1e9:.1f} GB free on {day}"
    show_table(f"{current_run().runbook}-sizes", rows, title)
    return f"{len(rows)} sizes shown"


def _row(one: Trend, free: int) -> Mapping[str, object]:
    left = one.days_left(free)
    pace = "unknown yet" if one.day_bytes is None else f"{one.day_bytes / _MB:+.2f}"
    days = "unknown yet" if left is None else ("-" if left == float("inf") else f"{left:.0f}")
    return {
        "what": one.what,
        "MB": round(one.size_bytes / _MB, 1),
        "MB a day": pace,
        "days left": days,
        "measured over days": one.days,
    }


def _trends(settings: Settings, operations: Database, day: date) -> list[Trend]:
    with operations.transaction() as connection:
        return sizes.trends(connection, settings.site, day, _LOOK_BACK_DAYS)


def _measured(settings: Settings) -> dict[str, int]:
    found = {name: psutil.disk_usage(str(one)).used for name, one in _volumes(settings).items()}
    for name, owner in _OWNERS.items():
        found |= _of_database(name, settings.secret(owner))
    for folder in _FOLDERS:
        found[f"folder {folder}"] = _folder_bytes(settings.root / folder)
    return found


def _of_database(name: str, owner: SecretStr) -> dict[str, int]:
    with connect(owner, application="sizes", statement_within=_READ_WITHIN) as connection:
        whole = connection.execute("SELECT pg_database_size(current_database())").fetchone()
        tables = connection.execute(_TABLES).fetchall()
    assert whole is not None, "a function has a value"
    return {f"database {name}": whole[0], **{f"table {name}.{one}": size for one, size in tables}}


def _folder_bytes(folder: Path) -> int:
    """Return what the files under a folder take; one that goes meanwhile takes nothing."""
    total = 0
    for place, _, names in os.walk(folder):
        for name in names:
            try:
                total += os.lstat(Path(place) / name).st_size
            except FileNotFoundError:
                continue
    return total
