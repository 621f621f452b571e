"""Orders of both sides compared; what the fills already tell of an order is not told twice."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from decimal import Decimal

from trading_core.reconciliation.breaks import Break, BreakType, Subject, Words
from trading_core.reconciliation.statement import Of, OrderWord
from trading_core.reconciliation.tolerances import Tolerances


def compare_orders(
    ours: Mapping[Of, OrderWord],
    theirs: Mapping[Of, OrderWord],
    of_fills: Iterable[Break],
    limits: Tolerances,
) -> Iterator[Break]:
    """Yield a break for every order of which the sides say what its fills do not explain."""
    broken = _fills_by_order(of_fills)
    for key in sorted(ours.keys() | theirs.keys()):
        here, there = ours.get(key), theirs.get(key)
        if here is None or there is None or not _agree(here, there, broken.get(key, ()), limits):
            yield _order_break(key, here, there)


def _fills_by_order(of_fills: Iterable[Break]) -> dict[Of, list[Break]]:
    found: dict[Of, list[Break]] = defaultdict(list)
    for one in of_fills:
        words = one.theirs or one.ours or {}
        found[one.account, words["order"]].append(one)
    return found


def _agree(
    ours: OrderWord, theirs: OrderWord, broken: Collection[Break], limits: Tolerances
) -> bool:
    more = theirs.filled_shares - ours.filled_shares
    # A duplicate may be counted in the order, or not.
    surely = sum((one.shares for one in broken if not one.is_duplicate), Decimal(0))
    at_most = sum((one.shares for one in broken), Decimal(0))
    if more and min(abs(more - surely), abs(more - at_most)) <= limits.quantity_shares:
        return True
    same = ours.status == theirs.status and ours.symbol == theirs.symbol
    ordered = abs(theirs.ordered_shares - ours.ordered_shares)
    return same and max(abs(more), ordered) <= limits.quantity_shares


def _order_break(key: Of, ours: OrderWord | None, theirs: OrderWord | None) -> Break:
    known = theirs or ours
    assert known is not None, "one side has it"
    account, name = key
    return Break(
        type=BreakType.ORDER,
        about=Subject.ORDER,
        account=account,
        name=name,
        symbol=known.symbol,
        trading_date=known.trading_date,
        ours=_words(ours),
        theirs=_words(theirs),
    )


def _words(order: OrderWord | None) -> Words | None:
    if order is None:
        return None
    return {
        "symbol": order.symbol,
        "status": order.status,
        "ordered": f"{order.ordered_shares:+f}",
        "filled": f"{order.filled_shares:+f}",
    }
