"""What a call into the engine costs from Python: nanoseconds, median of several rounds.

    python rust_ext/benches/from_python.py

Each figure includes the Python loop around the call (about 10 ns). `cargo bench` has the parts
without Python. Read it on an idle machine: the range says how quiet it was.
"""

from collections.abc import Callable
from statistics import median

from trading_core._engine import OrderBook, RiskGate, RiskLimits
from trading_core.clock import stopwatch_seconds

CALLS = 50_000
ROUNDS = 9
BID_TICKS = 1_000_000
LEVELS = 50


def book_with_bids() -> OrderBook:
    """Return a book of `CALLS` bids of 100 shares on 50 levels a cent apart."""
    book = OrderBook("SPY")
    for order_id in range(CALLS):
        book.submit_limit(order_id, "buy", 100, BID_TICKS - order_id % LEVELS * 100)
    return book


def rest_limit_orders() -> float:
    """Return the seconds of `CALLS` limit orders that come to rest."""
    submit = OrderBook("SPY").submit_limit
    prices = [BID_TICKS - order_id % LEVELS * 100 for order_id in range(CALLS)]
    start = stopwatch_seconds()
    for order_id, price_ticks in enumerate(prices):
        submit(order_id, "buy", 100, price_ticks)
    return stopwatch_seconds() - start


def cancel_orders() -> float:
    """Return the seconds of `CALLS` cancels, oldest order first."""
    cancel = book_with_bids().cancel
    start = stopwatch_seconds()
    for order_id in range(CALLS):
        cancel(order_id)
    return stopwatch_seconds() - start


def fill_market_orders() -> float:
    """Return the seconds of `CALLS` market orders that each fill one resting order."""
    submit = book_with_bids().submit_market
    start = stopwatch_seconds()
    for order_id in range(CALLS, 2 * CALLS):
        submit(order_id, "sell", 100)
    return stopwatch_seconds() - start


def check_orders() -> float:
    """Return the seconds of `CALLS` risk checks that pass every rule."""
    limits = RiskLimits(
        order_quantity_max=1_000,
        order_notional_ticks_max=1_000_000_000,
        position_quantity_max=5_000,
        position_notional_ticks_max=5_000_000_000,
        price_collar_bps_max=500,
        daily_loss_ticks_max=50_000_000,
    )
    check = RiskGate(limits).check
    start = stopwatch_seconds()
    for _ in range(CALLS):
        check("buy", 100, 1_001_000, BID_TICKS, 200, -1_000_000)
    return stopwatch_seconds() - start


def report(name: str, measure: Callable[[], float]) -> None:
    """Measure after one round of warming up, and print one line."""
    measure()
    call_ns = [measure() / CALLS * 1e9 for _ in range(ROUNDS)]
    low, high = min(call_ns), max(call_ns)
    print(f"{name:<36} {median(call_ns):7.0f} ns   ({low:.0f} to {high:.0f})")


if __name__ == "__main__":
    report("limit order that comes to rest", rest_limit_orders)
    report("cancel", cancel_orders)
    report("market order that fills one order", fill_market_orders)
    report("risk check that passes", check_orders)
