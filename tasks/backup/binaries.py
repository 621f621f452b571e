"""The program itself, one archive a version: what is put back when a new one is bad (BKP-05).

In it are the engine as it was built, all code that runs, and the lock file of every package. Its
name has the digest of what it holds: a version is archived once, whatever the day.
"""

import hashlib
import json
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import date
from functools import cache
from importlib import metadata
from pathlib import Path

from infra import archives
from infra.archives import Member
from tasks.backup.archives import Shelf, archived, take_away
from tasks.kernel import PROJECT, Change, CheckResult, Unchanged, Verdict, action, check
from trading_core.clock import seconds

VERSIONS_KEPT = 5  # SCH-11
_DIGEST_LENGTH = 12
_SHOWS_WITHIN = seconds(30)
_CODE = ("trading_core", "tasks", "flows", "deployments", "infra", "requirements", "rust_ext/src")
_FILES = ("pyproject.toml", "Makefile", "rust_ext/Cargo.toml", "rust_ext/Cargo.lock.pinned")
_MADE = ("__pycache__", ".pytest_cache")


@check
def check_engine_built(project: Path = PROJECT) -> CheckResult:
    """See that the engine, the one part that is compiled, lies where Python imports it from."""
    found = [path for path in _parts(project) if path.suffix == ".so"]
    size = sum(path.stat().st_size for path in found)
    return CheckResult(
        Verdict.PASS if found else Verdict.FAIL,
        f"{', '.join(path.name for path in found)}, {size / 1e6:.1f} MB" if found else "none",
        "the engine as it was built",
        {},
        size / 1e6,
        None,
        " MB",
    )


@check
def check_version_kept(shelf: Shelf, project: Path = PROJECT) -> CheckResult:
    """See that what runs now is in an archive that is whole."""
    path = _of(shelf, _digest(project))
    if path is None:
        return CheckResult(Verdict.FAIL, "what runs is in no archive", "an archive of what runs")
    whole = archives.is_whole(path)
    return CheckResult(
        Verdict.PASS if whole else Verdict.FAIL,
        f"{path.name}{'' if whole else ' is broken'}, {len(shelf.all())} versions",
        "an archive of what runs",
    )


@action
def ensure_binaries_archived(
    shelf: Shelf, day: date, project: Path = PROJECT
) -> Change[Path] | Unchanged[Path]:
    """Archive the program that runs, unless this very version is."""
    digest = _digest(project)
    path = _of(shelf, digest) or shelf.path(day, digest)

    @contextmanager
    def collect() -> Iterator[Sequence[Member]]:
        with ExitStack() as opened:
            members = [Member.of_text("packages.json", json.dumps(_packages(), indent=2))]
            for one in _parts(project):
                file = opened.enter_context(one.open("rb"))
                name = one.relative_to(project).as_posix()
                members.append(Member(name, file, one.stat().st_size))
            yield members

    return archived(path, f"the program, version {digest}", collect)


@action
def ensure_old_versions_removed(
    shelf: Shelf, kept: int = VERSIONS_KEPT
) -> Change[list[str]] | Unchanged[list[str]]:
    """Remove all but the newest versions, here and in the bucket."""
    old = _older(shelf, kept)
    if not old:
        return Unchanged(f"there are no more than {kept} versions", old)
    return Change(
        does=f"remove {len(old)} versions, keep {kept}",
        act=lambda _fence: take_away(shelf, old),
        holds=lambda: not _older(shelf, kept),
        within=_SHOWS_WITHIN,
        facts={"archives": old},
    )


def _parts(project: Path) -> list[Path]:
    """Return every file of the program, in order."""
    found = [project / name for name in _FILES]
    for folder in _CODE:
        found += (project / folder).rglob("*")
    return sorted(path for path in found if path.is_file() and not set(path.parts) & set(_MADE))


def _digest(project: Path) -> str:
    digest = hashlib.sha256(json.dumps(_packages()).encode())
    for path in _parts(project):
        digest.update(path.relative_to(project).as_posix().encode())
        with path.open("rb") as file:
            digest.update(hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()[:_DIGEST_LENGTH]


@cache
def _packages() -> tuple[str, ...]:
    """Return name and version of every package that is installed; no process changes its own."""
    return tuple(sorted({f"{one.name}=={one.version}" for one in metadata.distributions()}))


def _of(shelf: Shelf, digest: str) -> Path | None:
    return next((one for one in shelf.all() if one.name.endswith(f"-{digest}.tar.gz")), None)


def _older(shelf: Shelf, kept: int) -> list[str]:
    here = {path.name: path.stat().st_mtime for path in shelf.all()}
    there = {key.rpartition("/")[2] for key in shelf.bucket.keys(f"{shelf.kind}/")}
    # By their day; of one day, the one written last is the newest.
    day_length = len(f"{shelf.kind}-2026-03-02")
    every = sorted(
        here.keys() | there, key=lambda name: (name[:day_length], here.get(name, 0.0), name)
    )
    return every[:-kept]
