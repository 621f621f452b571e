"""What a call into the engine costs from Python: nanoseconds, median of several rounds.

    python rust_ext/benches/from_python.py

Each figure includes the Python loop around the call (about 10 ns). `cargo bench` has the parts
without Python. Read it on an idle machine: the range says how quiet it was.
"""

from collections.abc import Callable
from statistics import median

import numpy as np

from trading_core import engine as face
from trading_core.clock import stopwatch_seconds
from trading_core.engine import MESSAGE, Engine, Kind, Side

CALLS = 40_000
ROUNDS = 9
BID_TICKS = 10_000
LEVELS = 50
ROWS_AT_ONCE = 256


def an_engine() -> Engine:
    """Return an engine with room for `CALLS` orders and what they cause."""
    return Engine(books=1, accounts=2, orders=2 * CALLS)


def with_bids() -> Engine:
    """Return an engine with `CALLS` bids of 100 shares at 50 neighbouring prices."""
    engine = an_engine()
    for order_id in range(CALLS):
        engine.submit(order_id, 0, 0, Side.BUY, BID_TICKS - order_id % LEVELS, 100)
    return engine


def rest_orders() -> float:
    """Return the seconds of `CALLS` limit orders that come to rest."""
    submit = an_engine().submit
    prices = [BID_TICKS - order_id % LEVELS for order_id in range(CALLS)]
    start = stopwatch_seconds()
    for order_id, price in enumerate(prices):
        submit(order_id, 0, 0, 0, price, 100)
    return stopwatch_seconds() - start


def cancel_orders() -> float:
    """Return the seconds of `CALLS` cancels, oldest order first."""
    engine = with_bids()
    engine.take_events()
    cancel = engine.cancel
    start = stopwatch_seconds()
    for order_id in range(CALLS):
        cancel(order_id, 0, 0)
    return stopwatch_seconds() - start


def apply_rows() -> float:
    """Return the seconds of `CALLS` limit orders that come to rest, in rows."""
    engine = an_engine()
    rows = np.zeros(CALLS, MESSAGE)
    rows["kind"], rows["id"], rows["quantity"] = Kind.NEW, np.arange(CALLS), 100
    rows["price"] = BID_TICKS - rows["id"].astype("i8") % LEVELS
    start = stopwatch_seconds()
    for first in range(0, CALLS, ROWS_AT_ONCE):
        face.apply(engine, rows[first : first + ROWS_AT_ONCE])
        face.events(engine)
    return stopwatch_seconds() - start


def ask_whether_refused() -> float:
    """Return the seconds of `CALLS` questions whether an order would be refused."""
    refusal_of = an_engine().refusal_of
    start = stopwatch_seconds()
    for order_id in range(CALLS):
        refusal_of(order_id, 0, 0, 0, BID_TICKS, 100)
    return stopwatch_seconds() - start


def report(name: str, measure: Callable[[], float]) -> None:
    """Measure after one round of warming up, and print one line."""
    measure()
    call_ns = [measure() / CALLS * 1e9 for _ in range(ROUNDS)]
    low, high = min(call_ns), max(call_ns)
    print(f"{name:<36} {median(call_ns):7.0f} ns   ({low:.0f} to {high:.0f})")


if __name__ == "__main__":
    report("one order that comes to rest", rest_orders)
    report("one cancel", cancel_orders)
    report("a row of 256 that come to rest", apply_rows)
    report("would it be refused", ask_whether_refused)
