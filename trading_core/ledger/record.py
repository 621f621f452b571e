"""Recording what happened once, however often it is told: fill, order, position and postings."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from psycopg import Connection

from trading_core.domain.activities import Activity
from trading_core.domain.fills import Fill
from trading_core.domain.orders import OrderStatus
from trading_core.domain.positions import Position
from trading_core.domain.postings import entry_of, entry_of_activity
from trading_core.domain.shares import Shares
from trading_core.ledger.session import Session
from trading_core.storage.trading import activities, fills, orders, positions, postings

Told = tuple[Fill, Session]


@dataclass(frozen=True, slots=True)
class Recorded:
    """What a new fill made of its order and of the position.

    Attributes:
        order_filled_quantity: All that is recorded of its order by now.
    """

    fill: Fill
    order_status: OrderStatus
    order_filled_quantity: Shares
    position: Position


def record_fill(
    connection: Connection, fill: Fill, session: Session, source: fills.Source
) -> Recorded | None:
    """Write one execution down; None when it was known already. Raises as `record_fills`."""
    recorded = record_fills(connection, [(fill, session)], source)
    return recorded[0] if recorded else None


def record_fills(
    connection: Connection,
    told: Sequence[Told],
    source: fills.Source,
    exchange_order_ids: Mapping[str, str] | None = None,
) -> list[Recorded]:
    """Write executions down with all that follows from them; return those that were not known.

    The caller's transaction holds all of it together.

    Args:
        exchange_order_ids: What the exchange calls their orders, by our id, where it was told.

    Raises:
        psycopg.errors.ForeignKeyViolation: An order is not in our records; adopt it first.
        psycopg.errors.CheckViolation: More would be filled than was ordered.
        InvariantViolated: A fill does not balance.
    """
    orders.lock(connection, [fill.client_order_id for fill, _ in told])
    recorded: list[Recorded] = []
    for account in sorted({session.account for _, session in told}):
        own = [(fill, session) for fill, session in told if session.account == account]
        recorded += _of_account(connection, account, own, source, exchange_order_ids or {})
    return recorded


def _of_account(
    connection: Connection,
    account: str,
    told: Sequence[Told],
    source: fills.Source,
    exchange_order_ids: Mapping[str, str],
) -> list[Recorded]:
    held = positions.for_update(connection, account, {fill.symbol for fill, _ in told})
    rows = [(fill, account, session.trading_date) for fill, session in told]
    new = fills.insert(connection, rows, source)
    fresh = {fill.execution_id: (fill, day) for fill, _, day in rows if fill.execution_id in new}
    if not fresh:
        return []
    more: dict[str, Shares] = {}
    for fill, _ in fresh.values():
        more[fill.client_order_id] = more.get(fill.client_order_id, 0) + fill.quantity
    stand = orders.record_executions(connection, more, exchange_order_ids)
    recorded, entries, earned_usd = [], [], {}
    for fill, day in fresh.values():
        before = held[fill.symbol]
        held[fill.symbol] = after = before.after(fill)
        entries.append((entry_of(fill, before, after), day))
        closed_usd = closed_pnl_usd(before, after, fill)
        if closed_usd is not None:
            earned_usd[fill.execution_id] = closed_usd
        recorded.append(Recorded(fill, *stand[fill.client_order_id], after))
    positions.save(connection, account, list(held.values()))
    postings.insert(connection, entries, account)
    fills.set_closed_pnl(connection, earned_usd)
    return recorded


def record_activities(
    connection: Connection, account: str, told: Sequence[Activity]
) -> list[Activity]:
    """Write fees, dividends and splits down with all that follows; return those not known before.

    A split goes before the fills of its day, or the shares sold after it are not there.
    """
    held = positions.for_update(connection, account, {one.symbol for one in told})
    new = activities.insert(connection, account, told)
    fresh = [one for one in told if one.activity_id in new]
    for one in fresh:
        held[one.symbol] = held[one.symbol].after_activity(one)
    positions.save(connection, account, list(held.values()))
    postings.insert(connection, [(entry_of_activity(one), one.on) for one in fresh], account)
    return fresh


def closed_pnl_usd(before: Position, after: Position, fill: Fill) -> Decimal | None:
    """Return what the shares closed by `fill` earned in dollars; None when it closed none."""
    if before.quantity * fill.signed_quantity >= 0:
        return None
    return after.realized_pnl_usd - before.realized_pnl_usd
