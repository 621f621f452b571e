"""`python -m tests.parts [--soak] [PART ...]`: every part of the tests, with one verdict.

A part is a directory under tests/ or a file: a pytest run with a stack of its own, so that what one
part breaks and mends is not the ground of the next. Much of a part's time is waiting for processes,
so three are run side by side. A line tells when a part begins and how it ended; what a part
printed is shown whole when it failed. Ctrl-C ends them all.

What failed is tried once more, on another fresh stack: a machine that is short of time can break a
deadline. What passes only then does not fail the run, but is shown whole and named again at its
end, for somebody to mend: a test that is sometimes red is a fault of the test or of the system.

Their files are in memory where there is plenty of it: making and removing a database for each of a
thousand tests costs a disk five times as much. Nothing here proves what a disk holds after the
power is gone.

What goes on for long, or does at more places what is done at one, is marked `soak`: it is left to
`--soak`, which runs nothing else.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import psutil
import pytest

from trading_core.clock import stopwatch_seconds

ROOT = Path(__file__).resolve().parent.parent
LANES = 3
_MEMORY = Path("/dev/shm")
_MEMORY_FREE_BYTES_MIN = 8 * 2**30
_GROUND = "tradeops-tests-"
SOAK = "--soak"
# These share no stack with the directory they are in: apart they fill a lane that would be empty.
APART = ("tests/infra/embedded", "tests/trading_core/gateway")
# What takes longest begins first, so that no lane is left waiting for it. The rest follows by name.
LONGEST_FIRST = (
    "tests/flows",
    "tests/deployments",
    "tests/faults",
    "tests/tasks",
    "tests/trading_core",
    "tests/trading_core/gateway",
    "tests/infra",
    "tests/infra/embedded",
)


@dataclass(frozen=True, slots=True)
class Ended:
    """How a part ended: pytest's exit code, and everything it printed.

    Attributes:
        unsteady: What its first try printed, where only the second passed.
    """

    part: str
    code: int
    printed: str
    unsteady: str = ""

    @property
    def line(self) -> str:
        """The end in one line."""
        last = self.printed.strip().rsplit("\n", 1)[-1].strip("= ") or "printed nothing"
        return f"{'passed' if self.code == 0 else 'FAILED'} {self.part}: {last}"


def parts() -> list[str]:
    """Return every part there is, the longest first."""
    found = {one.parent for one in ROOT.glob("tests/*/__init__.py")}
    found |= set(ROOT.glob("tests/test_*.py"))
    names = {str(one.relative_to(ROOT)) for one in found} | set(APART)
    first = [name for name in LONGEST_FIRST if name in names]
    return first + sorted(names - set(first))


def apart_in(part: str) -> list[str]:
    """Return the parts that lie in a part, and are not of it."""
    return [one for one in APART if one.startswith(f"{part}/")]


def run(part: str, marks: str = "not soak") -> Ended:
    """Run the tests of one part with those marks, and what failed of them once more."""
    say(f"begins {part}")
    with ground() as place:
        first = _pytest(part, place, "-m", marks)
        if first.code == pytest.ExitCode.NO_TESTS_COLLECTED:
            return replace(first, code=pytest.ExitCode.OK)
        if first.code != pytest.ExitCode.TESTS_FAILED:
            return first
        say(f"{first.line}; trying what failed once more")
        again = ("--last-failed", "--last-failed-no-failures=none")
        second = _pytest(part, place, "-m", marks, *again)
    if second.code != 0:
        return replace(second, printed=f"{first.printed}\nthe second try:\n{second.printed}")
    return replace(second, unsteady=first.printed)


@contextmanager
def ground() -> Iterator[Path]:
    """Lend a directory for the files of a part, in memory or on the disk; then take it away."""
    where = _MEMORY if _has_room_in_memory() else None
    made = tempfile.TemporaryDirectory(
        prefix=f"{_GROUND}{os.getpid()}-", dir=where, ignore_cleanup_errors=True
    )
    with made as name:
        place = Path(name)
        place.chmod(0o711)  # PostgreSQL's account goes through it
        yield place


def _has_room_in_memory() -> bool:
    if not _MEMORY.is_dir() or os.statvfs(_MEMORY).f_flag & os.ST_NOEXEC:
        return False
    for left in _MEMORY.glob(f"{_GROUND}*"):  # of a run that was killed
        if not psutil.pid_exists(int(left.name.removeprefix(_GROUND).partition("-")[0])):
            shutil.rmtree(left, ignore_errors=True)
    free = min(shutil.disk_usage(_MEMORY).free, psutil.virtual_memory().available)
    return free > _MEMORY_FREE_BYTES_MIN


def _pytest(part: str, place: Path, *options: str) -> Ended:
    # Our own modules are compiled once, and not in each of some thousand processes.
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    with tempfile.TemporaryFile("w+") as printed:
        code = subprocess.call(
            [
                *(sys.executable, "-m", "pytest", "-q", "--durations=5"),
                *("-o", f"cache_dir={place / 'cache'}", f"--basetemp={place / 'files'}"),
                *(*options, *(f"--ignore={one}" for one in apart_in(part)), part),
            ],
            cwd=ROOT,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=printed,
            stderr=subprocess.STDOUT,
        )
        printed.seek(0)
        return Ended(part, code, printed.read())


def run_all(wanted: Sequence[str], run_one: Callable[[str], Ended] = run) -> list[Ended]:
    """Run parts, as many at once as there are lanes; tell each one's end when it comes."""
    ended: list[Ended] = []
    lanes = ThreadPoolExecutor(LANES)
    try:
        for one in as_completed([lanes.submit(run_one, part) for part in wanted]):
            ended.append(one.result())
            say(ended[-1].unsteady or (ended[-1].line if not ended[-1].code else ended[-1].printed))
    finally:
        lanes.shutdown(cancel_futures=True)
    return ended


def unsteady(ended: Sequence[Ended]) -> list[str]:
    """Return the tests that passed only on their second try, with what was wrong on the first."""
    lines = [line for one in ended for line in one.unsteady.splitlines()]
    marks = ("FAILED ", "ERROR ")
    told = [line.partition(" ")[2] for line in lines if line.startswith(marks)]
    # A line of a log may begin with a mark, too, but names no test.
    return [one for one in told if "::" in one.partition(" ")[0]]


def say(text: str) -> None:
    """Print at once, in one piece: somebody waits, and the lanes print side by side."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def main(arguments: Sequence[str]) -> int:
    """Run what is wanted, or everything; return 1 when a part failed."""
    began = stopwatch_seconds()
    given = [one.rstrip("/") for one in arguments if one != SOAK]
    wanted = [name for one in given for name in (one, *apart_in(one))]
    marks = "soak" if SOAK in arguments else "not soak"
    ended = run_all(wanted or parts(), partial(run, marks=marks))
    failed = [one for one in ended if one.code != 0]
    for one in failed:
        say(one.line)
    for test in unsteady(ended):
        say(f"UNSTEADY, passed only on its second try: {test}")
    minutes, seconds = divmod(round(stopwatch_seconds() - began), 60)
    say(f"{len(ended) - len(failed)} of {len(ended)} parts passed in {minutes} min {seconds} s")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
