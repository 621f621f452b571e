"""Orders that depend on each other: brackets, one-cancels-other, one-triggers-other.

An entry's legs are held until it is filled whole. A profit leg rests in the book; the loss leg
beside it stands by, held, and takes over when its stop is reached. What is filled of one is no
longer there for the other.
"""

from trading_core.paper.account.account import Account
from trading_core.paper.orders.order import PaperOrder
from trading_core.paper.orders.words import OrderClass, Role, Status


def siblings(account: Account, order: PaperOrder) -> list[PaperOrder]:
    """Return the open orders that close the same position in place of `order`."""
    if order.request.order_class is OrderClass.SIMPLE:
        return []
    parent = order if order.parent_id is None else account.order(order.parent_id)
    if parent is None or (parent is order and order.request.order_class is not OrderClass.OCO):
        return []
    group = account.legs_of(parent)
    if parent.request.order_class is OrderClass.OCO:
        group = [parent, *group]
    return [other for other in group if other is not order and other.is_open]


def waiting_legs(account: Account, order: PaperOrder) -> list[PaperOrder]:
    """Return the open legs that wait for an entry to be filled."""
    if order.parent_id is not None or order.request.order_class is OrderClass.OCO:
        return []
    return [leg for leg in account.legs_of(order) if leg.is_open]


def stands_by(account: Account, order: PaperOrder) -> bool:
    """Whether a held order takes over when its stop is reached."""
    if order.status is not Status.HELD or order.role is not Role.STOP_LOSS:
        return False
    parent = account.order(str(order.parent_id))
    return parent is not None and (
        parent.request.order_class is OrderClass.OCO or parent.status is Status.FILLED
    )


def family(account: Account, order: PaperOrder) -> set[str]:
    """Return the ids of the orders that belong with `order`, itself included."""
    parent_id = order.parent_id or order.id
    parent = account.order(parent_id)
    legs = [] if parent is None else account.legs_of(parent)
    return {parent_id, *(leg.id for leg in legs)}
