"""Orders written down before anything leaves: many at once, in one transaction.

One commit carries the intents of a whole group, and reads with them what every order of the group
is held against. What the group itself sends is counted as it goes, and at its full size.
"""

from bisect import bisect_right, insort
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import structlog
from psycopg import Connection

from trading_core.domain.orders import Order, OrderStatus
from trading_core.domain.positions import Position
from trading_core.errors import ConfigurationError
from trading_core.risk.limits import LoadedLimits, RiskLimits
from trading_core.storage.trading import orders, positions
from trading_core.storage.trading.orders import Intent, Likeness

log = structlog.get_logger(__name__)

_RATE_WINDOW = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Written:
    """A group of intents on record, and what the database knew when they were committed.

    Attributes:
        before: Orders of the group that were there already, by id.
        limits: None when there are none that can be used.
        open_orders: Those of the account that are not of the group.
        sent_at: Market times of the orders of the last minutes that are not of the group.
        alike: How many of them there are of each kind; none where that is not limited.
    """

    before: Mapping[str, Order]
    limits: RiskLimits | None
    held: Sequence[Position]
    open_orders: Sequence[Order]
    sent_at: Sequence[datetime]
    alike: Mapping[Likeness, int] = field(default_factory=dict)


class Leaving:
    """What a group of orders is held against, while one after the other of them leaves."""

    def __init__(self, written: Written) -> None:
        self.written = written
        before = [order for order in written.before.values() if not order.status.is_final]
        self._open = {one.request.client_order_id: one for one in (*written.open_orders, *before)}
        self._sent_at = sorted([*written.sent_at, *(order.submitted_at for order in before)])
        self._alike = Counter(written.alike)

    def beside(self, intent: Intent) -> list[Order]:
        """Return the account's open orders without this one."""
        own = intent.request.client_order_id
        return [order for order_id, order in self._open.items() if order_id != own]

    def sent_in_minute(self, intent: Intent) -> int:
        """Return how many orders left in the minute of market time before this one."""
        since = intent.signal_at - _RATE_WINDOW
        own = intent.request.client_order_id in self.written.before
        return len(self._sent_at) - bisect_right(self._sent_at, since) - own

    def alike_in_minute(self, intent: Intent) -> int:
        """Return how many of the orders before were the same order of the same strategy."""
        return self._alike[intent.likeness]

    def count(self, intent: Intent) -> None:
        """Take an order that leaves into account."""
        request = intent.request
        self._open[request.client_order_id] = Order(
            request, OrderStatus.NEW, None, 0, None, intent.signal_at, intent.strategy
        )
        if request.client_order_id not in self.written.before:
            insort(self._sent_at, intent.signal_at)
            self._alike[intent.likeness] += 1


def write(connection: Connection, intents: Sequence[Intent], loaded: LoadedLimits) -> Written:
    """Write a group of intents of one account's day down, and read what they are held against."""
    ids = [intent.request.client_order_id for intent in intents]
    own = frozenset(ids)
    account, trading_date = intents[0].account, intents[0].trading_date
    new = orders.record_intents(connection, intents)
    known = [order_id for order_id in ids if order_id not in new]
    since = min(intent.signal_at for intent in intents) - _RATE_WINDOW
    limits = _limits(connection, loaded)
    alike: Mapping[Likeness, int] = {}
    if limits is not None and limits.limits_repetition:
        alike = orders.alike_since(connection, (account, trading_date), since, but=ids)
    return Written(
        before=orders.find_all(connection, known) if known else {},
        limits=limits,
        held=[one.position for one in positions.of_account(connection, account)],
        open_orders=[
            order
            for order in orders.open_orders(connection, account)
            if order.request.client_order_id not in own
        ],
        sent_at=orders.sent_since(connection, (account, trading_date), since, but=ids),
        alike=alike,
    )


def _limits(connection: Connection, loaded: LoadedLimits) -> RiskLimits | None:
    try:
        found = loaded.newest(connection)
    except ConfigurationError as error:
        log.error("risk limits cannot be used", error=str(error))
        return None
    return None if found is None else found[1]
