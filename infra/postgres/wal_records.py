"""What a stretch of the log says: its transactions with their times, and where its records end.

pg_waldump reads every record and its checksum, so a record that was damaged before its segment was
archived is found here and not when somebody needs the rows.
"""

import os
import re
import subprocess
import tempfile
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from infra.embedded.postgres_binaries import Binaries
from infra.postgres.lsn import position, written
from infra.postgres.wal import Chain, Segment
from trading_core.errors import CheckFailed

_TRANSACTION = re.compile(
    r"lsn: ([0-9A-F]+/[0-9A-F]+), prev .*desc: (COMMIT|ABORT)(?:_PREPARED)?"
    r" .*?(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(?:\.\d+)?) UTC"
)
_PLACE = re.compile(r"\bat ([0-9A-F]+/[0-9A-F]+)")
_WORDS = re.compile(r"[^:]+: (?:fatal: |error: )?(.*)")


@dataclass(frozen=True, slots=True)
class Transaction:
    """The end of one transaction.

    Attributes:
        lsn: Where the record of it begins.
        at: When it ended, by the server's clock.
        committed: Whether its changes hold.
    """

    lsn: int
    at: datetime
    committed: bool


@dataclass(frozen=True, slots=True)
class Records:
    """What pg_waldump found.

    Attributes:
        transactions: In the order of the log.
        ends: The first position without a sound record.
        fault: Why the records end before the chain does, in words; empty when they do not.
    """

    transactions: tuple[Transaction, ...]
    ends: int
    fault: str = ""

    @property
    def newest_commit(self) -> Transaction | None:
        """The last transaction whose changes hold."""
        return next((one for one in reversed(self.transactions) if one.committed), None)


def read(binaries: Binaries, chain: Chain) -> Records:
    """Read a chain from its start to its end.

    Raises:
        CheckFailed: pg_waldump does not even find the first record.
    """
    if not chain.pieces:
        return Records((), chain.start)
    with tempfile.TemporaryDirectory(prefix="tradeops-wal-") as folder:
        for piece in chain.pieces:
            # By the names of one timeline: a page may be older than its file's name says.
            name = Segment(chain.way.timeline, piece.segment.number).name
            (Path(folder) / name).symlink_to(piece.path.resolve())
        answer = subprocess.run(
            [
                str(binaries.program("pg_waldump")),
                *(f"--path={folder}", f"--timeline={chain.way.timeline}", "--rmgr=Transaction"),
                *(f"--start={written(chain.start)}", f"--end={written(chain.ends)}"),
            ],
            check=False,
            env=os.environ | {"TZ": "UTC", "LC_ALL": "C"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
        )
    found = tuple(_transaction(match) for match in _TRANSACTION.finditer(answer.stdout))
    return Records(found, *_end(chain, answer))


def _transaction(match: re.Match[str]) -> Transaction:
    at = datetime.fromisoformat(match[3]).replace(tzinfo=UTC)
    return Transaction(position(match[1]), at, match[2] == "COMMIT")


def _end(chain: Chain, answer: subprocess.CompletedProcess[str]) -> tuple[int, str]:
    """Return where the records end, and what is wrong about it."""
    if answer.returncode == 0:
        return chain.ends, ""
    words = answer.stderr.strip()
    said = _WORDS.match(words)
    places = _PLACE.findall(words)  # of the last good record, then of the bad one
    if not places:
        raise CheckFailed(
            f"pg_waldump: expected records from {written(chain.start)} on, was: {words[-300:]}",
            next_step="choose another backup; this one and the archive do not fit together",
        )
    last = chain.pieces[-1]
    ends = position(places[-1])
    if last.is_partial and ends >= last.segment.begins:
        return ends, ""  # where the server has come to
    return ends, f"corrupt record: {said[1] if said else words}"
