"""Log files that may go (LOG-04): closed for a day, and whole in an archive off this machine.

The daily archive is the compressed copy. Here only the plain file goes, never one that a program
still writes to: the supervisor rotates those, and bounds them by size.
"""

from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from infra import archives
from infra.embedded.supervisor import Supervisor
from tasks.backup.archives import Shelf
from tasks.kernel import Change, CheckResult, Unchanged, Verdict, action, check
from tasks.maintenance.logs import Read
from trading_core.clock import SystemClock, hours, seconds
from trading_core.errors import CheckFailed

CLOSED_FOR = hours(24)
LOG_BYTES_MAX = 2 << 30
_SHOWS_WITHIN = seconds(5)
_NEXT = "run archive-logs, see that the bucket answers, then run clean-up again"


@dataclass(frozen=True, slots=True)
class _Closed:
    """A rotated file, and whether an archive has all of it."""

    path: Path
    size: int
    is_archived: bool


@check
def check_logs_off_machine(shelf: Shelf) -> CheckResult:
    """See that the newest archive of logs is whole, and that the bucket has the same one."""
    expected = "the newest archive whole, here and in the bucket"
    newest = next(reversed(shelf.all()), None)
    if newest is None:
        return CheckResult(Verdict.WARN, "no archive of logs yet: no log file is removed", expected)
    if not archives.is_whole(newest):
        return CheckResult(Verdict.FAIL, f"{newest.name} is not what it lists", expected)
    there = shelf.bucket.holds(f"{shelf.kind}/{newest.name}", newest)
    found = f"{newest.name} whole, {'in' if there else 'NOT in'} the bucket"
    return CheckResult(Verdict.PASS if there else Verdict.FAIL, found, expected)


@check
def check_log_room(shelf: Shelf) -> CheckResult:
    """Measure what the log files take on the disk."""
    files = [path for path in _logs(shelf).glob("*.log*") if path.is_file()]
    size = sum(path.stat().st_size for path in files)
    return CheckResult(
        Verdict.WARN if size > LOG_BYTES_MAX else Verdict.PASS,
        f"{len(files)} files, {size / 1e6:.1f} MB",
        f"at most {LOG_BYTES_MAX / 1e6:.0f} MB",
        {},
        size / 1e6,
        LOG_BYTES_MAX / 1e6,
        " MB",
    )


@action
def ensure_archived_logs_removed(
    shelf: Shelf, closed_for: timedelta = CLOSED_FOR
) -> Change[list[str]] | Unchanged[list[str]]:
    """Remove rotated log files nobody wrote to for a day, each of them whole in the archive.

    Raises:
        CheckFailed: The newest archive is broken, or not off this machine: nothing is removed.
    """
    found = _closed(shelf, closed_for)
    going = [one for one in found if one.is_archived]
    names = [one.path.name for one in going]
    if not going:
        waiting = f", {len(found)} wait for their archive" if found else ""
        return Unchanged(f"no rotated log is archived and old enough to go{waiting}", names)
    _require_off_machine(shelf)

    def act(_fence: int) -> list[str]:
        # Looked at again: the supervisor may have given a name to another file meanwhile.
        still = {one.path for one in _closed(shelf, closed_for) if one.is_archived}
        for one in going:
            if one.path in still:
                one.path.unlink(missing_ok=True)
        return names

    return Change(
        does=f"remove {len(going)} archived log files ({sum(o.size for o in going) / 1e6:.1f} MB)",
        act=act,
        holds=lambda: not [one for one in _closed(shelf, closed_for) if one.is_archived],
        within=_SHOWS_WITHIN,
        facts={"files": names},
    )


def _closed(shelf: Shelf, closed_for: timedelta) -> list[_Closed]:
    before = (SystemClock().now() - closed_for).timestamp()
    newest = next((one for one in reversed(shelf.all()) if archives.is_whole(one)), None)
    known = [] if newest is None else [Read.of(facts) for facts in archives.contents(newest)]
    found = []
    for path in sorted(_logs(shelf).glob("*.log.[0-9]*")):
        facts = path.stat()
        if facts.st_mtime >= before:
            continue
        with path.open("rb") as file:
            upto = [one.upto for one in known if one.is_of(file, facts.st_ino, facts.st_size)]
        found.append(_Closed(path, facts.st_size, max(upto, default=-1) >= facts.st_size))
    return found


def _require_off_machine(shelf: Shelf) -> None:
    newest = shelf.all()[-1]
    if not (
        archives.is_whole(newest) and shelf.bucket.holds(f"{shelf.kind}/{newest.name}", newest)
    ):
        raise CheckFailed(
            f"{newest.name}: expected whole and in the bucket, was not: no log file is removed",
            next_step=_NEXT,
        )


def _logs(shelf: Shelf) -> Path:
    return Supervisor(shelf.settings.root).logs
