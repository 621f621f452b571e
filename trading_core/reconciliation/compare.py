"""Two statements compared as a whole: the order in which one difference explains another."""

import gc
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import date
from decimal import Decimal

from trading_core.reconciliation.breaks import Break
from trading_core.reconciliation.fills import compare_fills
from trading_core.reconciliation.orders import compare_orders
from trading_core.reconciliation.standing import (
    Explained,
    compare_actions,
    compare_balances,
    compare_holdings,
)
from trading_core.reconciliation.statement import Statement
from trading_core.reconciliation.tolerances import EXACT, Tolerances


def breaks_between(
    ours: Statement,
    theirs: Statement,
    day: date,
    *,
    limits: Tolerances = EXACT,
    prices_usd: Mapping[str, Decimal] | None = None,
    cash_after: date | None = None,
) -> list[Break]:
    """Return every difference between our books and the broker's, the causes first.

    Args:
        day: On which positions and balances were read.
        prices_usd: What the broker values a share of each symbol at; only for equity.
        cash_after: The last day both sides' cash agreed on; None: our cash counts from the start.
    """
    with _without_collector():
        of_fills = compare_fills(ours.fills, theirs.fills, limits)
        found = [
            *of_fills,
            *compare_orders(ours.orders, theirs.orders, of_fills, limits),
            *compare_actions(ours, theirs, limits),
        ]
        explained = Explained()
        explained.add(found, cash_after)
        held = list(compare_holdings(ours, theirs, day, explained, limits))
        balances = compare_balances(ours, theirs, day, explained, limits, prices_usd or {})
        return [*found, *held, *balances]


@contextmanager
def _without_collector() -> Iterator[None]:
    """Keep Python's collector of cycles from looking: none is made here.

    It would walk every break made so far again and again, for a fifth of the time.
    """
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()
