"""The day's logs: what every service wrote since the archive before, each line in one archive.

The supervisor rotates a log by its size and at last throws it away. An archive says of each file
how far it was read; the next one goes on from there, whatever the file is called by then.
"""

import hashlib
import os
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, BinaryIO

from infra import archives
from infra.archives import Member
from infra.embedded.supervisor import Supervisor
from tasks.backup.archives import Shelf, archived, day_of
from tasks.kernel import Change, CheckResult, Unchanged, Verdict, action, check

_HEAD_BYTES = 256
# Made every day: the eve's, until today's is.
_AGE_DAYS_MAX = 1


@dataclass(frozen=True, slots=True)
class Read:
    """How far a file was read. Its number may be given to another file, its first bytes tell."""

    inode: int
    head_bytes: int
    head_sha256: str
    upto: int

    @classmethod
    def of(cls, facts: dict[str, Any]) -> "Read":
        """Return what an archive's list says of a file."""
        return cls(facts["inode"], facts["head_bytes"], facts["head_sha256"], facts["upto"])

    def is_of(self, file: BinaryIO, inode: int, size: int) -> bool:
        """Whether that is the file which was read."""
        if inode != self.inode or size < self.upto:
            return False
        file.seek(0)
        return hashlib.sha256(file.read(self.head_bytes)).hexdigest() == self.head_sha256


@check
def check_logs_archived(shelf: Shelf, day: date) -> CheckResult:
    """See that the newest archive of logs can be read to its end, and is of a day or the eve."""
    expected = f"a newest archive that is whole, not empty, at most {_AGE_DAYS_MAX} day old"
    every = shelf.all()
    if not every:
        return CheckResult(Verdict.WARN, "no archive of logs yet", expected)
    try:
        members = archives.contents(every[-1])
    except ValueError as error:
        return CheckResult(Verdict.FAIL, str(error), expected)
    size = sum(one["bytes"] for one in members)
    made = day_of(every[-1].name)
    if made is None:
        return CheckResult(Verdict.UNKNOWN, f"{every[-1].name} names no day", expected)
    age_days = (day - made).days
    return CheckResult(
        Verdict.PASS if size and age_days <= _AGE_DAYS_MAX else Verdict.WARN,
        f"{every[-1].name}: {len(members)} files, {size / 1e6:.1f} MB, {age_days} days old",
        expected,
        {"bytes": size},
        age_days,
        _AGE_DAYS_MAX,
        " days",
    )


@action
def ensure_logs_archived(shelf: Shelf, day: date) -> Change[Path] | Unchanged[Path]:
    """Archive what services wrote since the archive of an earlier day."""
    path = shelf.path(day)
    earlier = (one for one in reversed(shelf.all()) if one < path)
    directory = Supervisor(shelf.settings.root).logs

    def unread() -> AbstractContextManager[Sequence[Member]]:
        # A broken one is passed over: what only it had is archived again, and not lost.
        before = next((one for one in earlier if archives.is_whole(one)), None)
        return _unread(directory, [] if before is None else archives.contents(before))

    return archived(path, "the logs", unread)


@contextmanager
def _unread(directory: Path, before: Sequence[dict[str, Any]]) -> Iterator[Sequence[Member]]:
    known = [Read.of(facts) for facts in before]
    with ExitStack() as opened:
        members: dict[int, Member] = {}
        # The newest name first: a log that is rotated meanwhile is met again, not missed.
        for path in sorted(directory.glob("*.log*")):
            file = opened.enter_context(path.open("rb"))
            member = _member(path.name, file, known)
            members.setdefault(member.facts["inode"], member)
        yield list(members.values())


def _member(name: str, file: BinaryIO, known: Sequence[Read]) -> Member:
    found = os.fstat(file.fileno())
    inode, size = found.st_ino, found.st_size
    start = max((one.upto for one in known if one.is_of(file, inode, size)), default=0)
    file.seek(0)
    head = file.read(min(_HEAD_BYTES, size))
    file.seek(start)
    facts = {
        "inode": inode,
        "head_bytes": len(head),
        "head_sha256": hashlib.sha256(head).hexdigest(),
        "upto": size,
    }
    return Member(name, file, size - start, facts)
