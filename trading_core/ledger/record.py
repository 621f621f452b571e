"""Recording an execution once, however often it is told: fill, order, position and postings."""

from dataclasses import dataclass
from decimal import Decimal

from psycopg import Connection

from trading_core.domain.fills import Fill
from trading_core.domain.orders import OrderStatus
from trading_core.domain.positions import Position
from trading_core.domain.postings import entry_of
from trading_core.ledger.session import Session
from trading_core.storage.trading import fills, orders, positions, postings


@dataclass(frozen=True, slots=True)
class Recorded:
    """What a new fill made of its order and of the position."""

    order_status: OrderStatus
    position: Position


def record_fill(
    connection: Connection, fill: Fill, session: Session, source: fills.Source
) -> Recorded | None:
    """Write an execution down with all that follows from it; None when it was known already.

    The caller's transaction holds all of it together.

    Raises:
        psycopg.errors.ForeignKeyViolation: The order is not in our records; adopt it first.
        psycopg.errors.CheckViolation: More would be filled than was ordered.
        InvariantViolated: The fill does not balance.
    """
    if not fills.insert(connection, fill, session.account, session.trading_date, source):
        return None
    status = orders.record_execution(connection, fill.client_order_id, fill.quantity)
    before = positions.for_update(connection, session.account, fill.symbol)
    after = before.after(fill)
    positions.save(connection, session.account, after)
    entry = entry_of(fill, before, after)
    postings.insert(connection, entry, session.account, session.trading_date)
    earned_usd = closed_pnl_usd(before, after, fill)
    if earned_usd is not None:
        fills.set_closed_pnl(connection, fill.execution_id, earned_usd)
    return Recorded(status, after)


def closed_pnl_usd(before: Position, after: Position, fill: Fill) -> Decimal | None:
    """Return what the shares closed by `fill` earned in dollars; None when it closed none."""
    if before.quantity * fill.signed_quantity >= 0:
        return None
    return after.realized_pnl_usd - before.realized_pnl_usd
