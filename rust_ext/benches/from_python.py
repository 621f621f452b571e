"""What the engine costs from Python: nanoseconds a call, or a row of a batch.

    python rust_ext/benches/from_python.py WORKLOADS [ROUNDS]

Thread CPU time: the median, and in brackets the least. Single calls are made on the standing book
of the workload w1 (20,000 live orders, 64-bit ids), and what the loop around them takes is taken
off. A call of nothing is the floor: the interpreter's own `callable` with the same tickets. Batches
are the whole workload in 64 chunks, the median of each over the runs, as the Rust bench has it;
after each batch the events are read as an array. What they add up to must be what the reference
book says.
"""

import json
import random
import sys
from collections import defaultdict
from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path
from statistics import median
from time import thread_time_ns

import numpy as np
from numpy.typing import NDArray

from trading_core import engine as face
from trading_core.engine import COMMAND, MESSAGE, Engine, EventKind, Kind

ACCOUNTS = 64
HEADER_BYTES, SYMBOLS_AT, PREFILL_AT = 64, 12, 24
# Few enough calls that their events stay near, and many enough for the clock.
CALLS, SLICES = 250, 200
CHUNKS, RUNS = 64, 5
LEVELS = 50
ROWS_AT_ONCE = 256
# The goals: must and aim.
SUBMIT, CANCEL = (55, 45), (25, 20)
BATCH = {"w1": (36, 28), "w100": (65, 45)}


class Load:
    """A workload file, and what the reference book says of it."""

    def __init__(self, path: Path) -> None:
        """Read `<path>` and `<path>.json`."""
        raw = path.read_bytes()
        self.symbols = int.from_bytes(raw[SYMBOLS_AT : SYMBOLS_AT + 4], "little")
        self.prefill = int.from_bytes(raw[PREFILL_AT : PREFILL_AT + 8], "little")
        self.rows: NDArray[np.void] = np.frombuffer(raw, MESSAGE, offset=HEADER_BYTES)
        self.expected = json.loads(path.with_suffix(".bin.json").read_text())

    def engine(self) -> Engine:
        """Return an engine with the standing book."""
        engine = Engine(books=self.symbols, accounts=ACCOUNTS, orders=self.prefill * 5 // 4 + 4096)
        rules = np.zeros(self.symbols, COMMAND)
        rules["kind"], rules["symbol"] = Kind.COLLAR, np.arange(self.symbols)
        rules["price"], rules["stop"] = 1, 1 << 30
        face.apply(engine, rules)
        face.events(engine)
        return engine


def run(engine: Engine, rows: NDArray[np.void], found: list[NDArray[np.void]] | None) -> int:
    """Apply rows 256 at a time and read the events after each; return the nanoseconds."""
    start = thread_time_ns()
    for first in range(0, len(rows), ROWS_AT_ONCE):
        engine.apply(rows[first : first + ROWS_AT_ONCE])
        told = face.events(engine)
        if found is not None:
            found.append(told.copy())
    return thread_time_ns() - start


def verify(load: Load) -> None:
    """Stop unless the events add up to what the reference book says."""
    found: list[NDArray[np.void]] = []
    run(load.engine(), load.rows, found)
    told = np.concatenate(found)
    fills = told[told["kind"] == EventKind.FILL]
    actual = {
        "fills": len(fills),
        "volume": int(fills["quantity"].sum()),
        "notional": int((fills["price"] * fills["quantity"]).sum()),
        "rejects": int((told["kind"] == EventKind.REFUSE).sum()),
        "expired": int((told["kind"] == EventKind.EXPIRE).sum()),
    }
    expected = {name: load.expected[name] for name in actual}
    if actual != expected:
        raise SystemExit(f"from Python: expected {expected}, was {actual}")


def batches(load: Load) -> tuple[float, float]:
    """Return the median and the least nanoseconds a row of a batch."""
    timed = load.rows[load.prefill :]
    bounds = [len(timed) * chunk // CHUNKS for chunk in range(CHUNKS + 1)]
    runs = []
    for _ in range(RUNS):
        engine = load.engine()
        run(engine, load.rows[: load.prefill], None)
        runs.append([run(engine, timed[first:last], None) for first, last in pairwise(bounds)])
    chunks = list(zip(*runs, strict=True))
    return (
        sum(median(chunk) for chunk in chunks) / len(timed),
        sum(min(chunk) for chunk in chunks) / len(timed),
    )


def calls_ns(call: Callable[..., object], arguments: Sequence[tuple[int, ...]]) -> int:
    """Return the nanoseconds of the calls and the loop that makes them."""
    start = thread_time_ns()
    for given in arguments:
        call(*given)
    return thread_time_ns() - start


def floor_ns(call: Callable[[object], object], tickets: Sequence[int]) -> int:
    """Return the nanoseconds of calls with one argument that do nothing."""
    # Not one function with `tickets_ns`: the interpreter fits the code of each to what it calls.
    start = thread_time_ns()
    for ticket in tickets:
        call(ticket)
    return thread_time_ns() - start


def tickets_ns(call: Callable[[int], object], tickets: Sequence[int]) -> int:
    """Return the nanoseconds of calls with one integer."""
    start = thread_time_ns()
    for ticket in tickets:
        call(ticket)
    return thread_time_ns() - start


def loop_ns(arguments: Sequence[object]) -> int:
    """Return the nanoseconds of the loop alone."""
    start = thread_time_ns()
    for _ in arguments:
        pass
    return thread_time_ns() - start


def single_calls(load: Load) -> dict[str, tuple[float, float]]:
    """Return the median and least nanoseconds of orders that come to rest, and of their cancels."""
    engine = load.engine()
    run(engine, load.rows[: load.prefill], None)
    sides = [[price for price, *_ in engine.depth(0, side, LEVELS)] for side in (0, 1)]
    chance = random.Random(1)
    spent: dict[str, list[int]] = defaultdict(list)
    for _ in range(SLICES):
        _by_id(engine, _orders(sides, chance), chance, spent)
        _by_ticket(engine, _orders(sides, chance), chance, spent)
    loop = min(spent.pop("loop"))
    return {
        name: ((median(times) - loop) / CALLS, (min(times) - loop) / CALLS)
        for name, times in spent.items()
    }


Orders = list[tuple[int, ...]]


def _orders(sides: Sequence[Sequence[int]], chance: random.Random) -> Orders:
    return [
        (chance.getrandbits(62), n % ACCOUNTS, 0, n & 1, chance.choice(sides[n & 1]), 100)
        for n in range(CALLS)
    ]


def _by_id(
    engine: Engine, orders: Orders, chance: random.Random, spent: dict[str, list[int]]
) -> None:
    cancels = [order[:3] for order in orders]
    chance.shuffle(cancels)
    spent["loop"].append(loop_ns(orders))
    spent["refusal_of"].append(calls_ns(engine.refusal_of, orders))
    spent["submit"].append(calls_ns(engine.submit, orders))
    spent["cancel"].append(calls_ns(engine.cancel, cancels))
    _all_rested_and_went(engine)


def _by_ticket(
    engine: Engine, orders: Orders, chance: random.Random, spent: dict[str, list[int]]
) -> None:
    tickets = [engine.place(*order) for order in orders]
    chance.shuffle(tickets)
    spent["floor"].append(floor_ns(callable, tickets))
    spent["withdraw"].append(tickets_ns(engine.withdraw, tickets))
    _all_rested_and_went(engine)


def _all_rested_and_went(engine: Engine) -> None:
    kinds = face.events(engine)["kind"]
    if list(kinds) != [EventKind.ACCEPT] * CALLS + [EventKind.CANCEL] * CALLS:
        raise SystemExit("from Python: expected every order to rest and to be cancelled")


def line(what: str, figures: Sequence[tuple[float, float]], *goal: int) -> None:
    """Print one measure: the median of the rounds' medians, and the least of their least.

    Args:
        goal: Must and aim, where there are.
    """
    ns, least = median(one for one, _ in figures), min(least for _, least in figures)
    row = f"{what:<20} {ns:7.1f} ({least:6.1f})"
    if goal:
        must, aim = goal
        reached = "aim" if ns <= aim else "must" if ns <= must else "-"
        row += f" {must:6} {aim:6}   {reached}"
    print(row)


def main(workloads: Path, rounds: int) -> None:
    """Measure and print everything."""
    print("from Python           median  (least)   must    aim   reached (ns)")
    loads = {name: Load(workloads / f"{name}s.bin") for name in BATCH}
    singles = [single_calls(loads["w1"]) for _ in range(rounds)]
    line("one submit", [found["submit"] for found in singles], *SUBMIT)
    line("one cancel by id", [found["cancel"] for found in singles], *CANCEL)
    line("one cancel by ticket", [found["withdraw"] for found in singles], *CANCEL)
    line("call of nothing", [found["floor"] for found in singles])
    line("would it be refused", [found["refusal_of"] for found in singles])
    for name, load in loads.items():
        verify(load)
        line(f"batches of 256 {name}", [batches(load) for _ in range(rounds)], *BATCH[name])


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 1)
