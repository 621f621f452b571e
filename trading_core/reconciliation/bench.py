"""How long two books of a million fills take, beside a plain outer merge of the same fills.

`python -m trading_core.reconciliation.bench [--fills N] [--share 0.01] [--seed N]` makes two books
with breaks of every type planted, and finds them in two processes, one after the other, so that
each shows its own memory. Making the books is not counted in the time, but is in the memory.
"""

import argparse
import json
import resource
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from trading_core.clock import stopwatch_seconds
from trading_core.reconciliation.breaks import Subject
from trading_core.reconciliation.compare import breaks_between
from trading_core.reconciliation.planted import DAY, Books, Planted, found_as, two_books

_KIB_PER_MIB = 1024


@dataclass(frozen=True, slots=True)
class Measured:
    """One way's figures: seconds, peak memory of its process in MiB, and counts by type.

    Attributes:
        processor_seconds: Of them, those the machine gave to this process.
        books_mib: The peak while the books were made, before any was looked for.
    """

    seconds: float
    processor_seconds: float
    books_mib: float
    peak_mib: float
    planted: dict[str, int]
    found: dict[str, int]
    invented: dict[str, int]


def by_columns(books: Books) -> set[Planted]:
    """Find the breaks as the desk does."""
    between = breaks_between(books.ours, books.theirs, DAY, prices_usd=books.prices_usd)
    return {found_as(one) for one in between}


def by_outer_merge(books: Books) -> set[Planted]:
    """Find what an outer merge on the execution's id tells: fills only, duplicates by their id."""
    from trading_core.reconciliation.outer_merge import breaks_of_merge

    return breaks_of_merge(books.ours.fills, books.theirs.fills)


WAYS: dict[str, Callable[[Books], set[Planted]]] = {
    "columns": by_columns,
    "outer merge": by_outer_merge,
}


def measure(way: str, fills: int, share: float, seed: int) -> Measured:
    """Make the books and find their breaks in one way, in this process."""
    books = two_books(fills, share, seed)
    books_mib = _peak_mib()
    began, began_processor = stopwatch_seconds(), _processor_seconds()
    found = WAYS[way](books)
    return Measured(
        seconds=stopwatch_seconds() - began,
        processor_seconds=_processor_seconds() - began_processor,
        books_mib=books_mib,
        peak_mib=_peak_mib(),
        planted=_counted(books.planted),
        found=_counted(found & books.planted),
        invented=_counted(found - books.planted),
    )


def _counted(breaks: set[Planted] | frozenset[Planted]) -> dict[str, int]:
    return dict(Counter(_label(kind, about) for kind, about, _, _ in breaks))


def _label(kind: str, about: Subject) -> str:
    return str(kind) if about in (Subject.FILL, Subject.ORDER) else f"{kind} ({about})"


def _processor_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def _peak_mib() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / _KIB_PER_MIB


def main() -> None:
    """Measure every way in a process of its own, and print them side by side."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--fills", type=int, default=1_000_000, help="on each side")
    parser.add_argument("--share", type=float, default=0.01, help="planted of each type")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--way", choices=WAYS, help="this one only, as JSON, in this process")
    asked = parser.parse_args()
    if asked.way:
        figures = measure(asked.way, asked.fills, asked.share, asked.seed)
        json.dump({name: getattr(figures, name) for name in figures.__slots__}, sys.stdout)
        return
    told = {way: _in_own_process(way, asked) for way in WAYS}
    sys.stdout.write(f"{asked.fills:,} fills a side, {asked.share:.1%} planted of each type\n")
    for way, figures in told.items():
        _print(way, figures)


def _in_own_process(way: str, asked: argparse.Namespace) -> Measured:
    command = [sys.executable, "-m", "trading_core.reconciliation.bench", "--way", way]
    command += [f"--{name}={getattr(asked, name)}" for name in ("fills", "share", "seed")]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return Measured(**json.loads(done.stdout))


def _print(way: str, figures: Measured) -> None:
    sys.stdout.write(
        f"\n{way}: {figures.seconds:.2f} s ({figures.processor_seconds:.2f} s of processor), "
        f"peak {figures.peak_mib:.0f} MiB ({figures.books_mib:.0f} MiB to make the books)\n"
        f"  {'type':28} {'planted':>8} {'found':>8} {'missed':>8} {'invented':>8}\n"
    )
    for kind in sorted(figures.planted.keys() | figures.invented.keys()):
        planted, found = figures.planted.get(kind, 0), figures.found.get(kind, 0)
        sys.stdout.write(
            f"  {kind:28} {planted:8,} {found:8,} {planted - found:8,} "
            f"{figures.invented.get(kind, 0):8,}\n"
        )


if __name__ == "__main__":
    main()
