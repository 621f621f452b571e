"""Orders, one row each from the intent on.

An order's status only ever moves forward: executions make it filled, the exchange's word makes it
cancelled, expired or rejected, and no late message takes a step back.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from psycopg import Connection
from psycopg.rows import dict_row

from trading_core.domain.orders import (
    Order,
    OrderRequest,
    OrderStatus,
    OrderType,
    Side,
    TimeInForce,
)

_SELECT = """
SELECT o.*, f.average_price_usd
FROM orders o
LEFT JOIN LATERAL (
    SELECT sum(quantity * price_usd) / sum(quantity) AS average_price_usd
    FROM fills WHERE fills.client_order_id = o.client_order_id
) f ON true
"""
_OPEN = "status IN ('intended', 'new', 'partially_filled')"


@dataclass(frozen=True, slots=True)
class Intent:
    """An order about to be sent. `signal_at` is market time."""

    account: str
    trading_date: date
    strategy: str
    request: OrderRequest
    signal_at: datetime


@dataclass(frozen=True, slots=True)
class Acknowledgement:
    """The exchange took the order. Times are wall times; the round trip in microseconds."""

    exchange_order_id: str
    sent_at: datetime
    acknowledged_at: datetime
    acknowledge_us: int


def record_intent(connection: Connection, intent: Intent) -> bool:
    """Write an order down before it is sent; return False when its id is already there."""
    request = intent.request
    written = connection.execute(
        "INSERT INTO orders (client_order_id, account, trading_date, strategy, symbol, side, type,"
        " time_in_force, quantity, limit_price_usd, status, signal_at)"
        " VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, 'intended', %s)"
        " ON CONFLICT (client_order_id) DO NOTHING",
        (
            request.client_order_id,
            intent.account,
            intent.trading_date,
            intent.strategy,
            request.symbol,
            request.side,
            request.type,
            request.time_in_force,
            request.quantity,
            request.limit_price_usd,
            intent.signal_at,
        ),
    )
    return written.rowcount == 1


def record_refusal(
    connection: Connection, client_order_id: str, reason: str, risk_check_ns: int | None = None
) -> None:
    """Write down that an intended order was refused, by us or by the exchange: nothing exists."""
    connection.execute(
        "UPDATE orders SET status = 'rejected', reason = %s,"
        " risk_check_ns = coalesce(%s, risk_check_ns)"
        " WHERE client_order_id = %s AND status = 'intended'",
        (reason, risk_check_ns, client_order_id),
    )


def record_acknowledgement(
    connection: Connection,
    client_order_id: str,
    taken: Acknowledgement,
    risk_check_ns: int | None = None,
) -> None:
    """Write down that the exchange has the order. Executions may have been recorded before."""
    connection.execute(
        "UPDATE orders SET status = CASE status WHEN 'intended' THEN 'new' ELSE status END,"
        " exchange_order_id = %s, sent_at = %s, acknowledged_at = %s, acknowledge_us = %s,"
        " risk_check_ns = coalesce(%s, risk_check_ns)"
        " WHERE client_order_id = %s",
        (
            taken.exchange_order_id,
            taken.sent_at,
            taken.acknowledged_at,
            taken.acknowledge_us,
            risk_check_ns,
            client_order_id,
        ),
    )


def record_adoption(connection: Connection, client_order_id: str, exchange_order_id: str) -> None:
    """Write down that an order of ours turned out to be at the exchange already."""
    connection.execute(
        "UPDATE orders SET status = CASE status WHEN 'intended' THEN 'new' ELSE status END,"
        " exchange_order_id = %(theirs)s WHERE client_order_id = %(ours)s"
        " AND exchange_order_id IS DISTINCT FROM %(theirs)s",
        {"theirs": exchange_order_id, "ours": client_order_id},
    )


def record_execution(connection: Connection, client_order_id: str, quantity: int) -> OrderStatus:
    """Add executed shares to an order and return its status."""
    row = connection.execute(
        "UPDATE orders SET filled_quantity = filled_quantity + %(shares)s, status = CASE"
        "   WHEN filled_quantity + %(shares)s = quantity THEN 'filled'"
        "   WHEN status IN ('canceled', 'expired') THEN status"
        "   ELSE 'partially_filled' END"
        " WHERE client_order_id = %(id)s RETURNING status",
        {"shares": quantity, "id": client_order_id},
    ).fetchone()
    assert row is not None, "the fill's foreign key holds the order"
    return OrderStatus(row[0])


def record_end(
    connection: Connection,
    client_order_id: str,
    end: OrderStatus,
    filled_quantity: int,
    reason: str,
) -> bool:
    """Write down that an open order was cancelled, expired or rejected; return whether it changed.

    Args:
        filled_quantity: What the exchange says was filled. An order whose executions are not all
            recorded stays open until they are: its shares still count against the limits.
    """
    changed = connection.execute(
        "UPDATE orders SET status = %s, reason = %s"
        f" WHERE client_order_id = %s AND {_OPEN} AND filled_quantity >= %s",
        (end, reason, client_order_id, filled_quantity),
    )
    return changed.rowcount == 1


def account_of(connection: Connection, client_order_id: str) -> str | None:
    """Return the account an order was sent for, or None when the order is not in our records."""
    row = connection.execute(
        "SELECT account FROM orders WHERE client_order_id = %s", (client_order_id,)
    ).fetchone()
    return None if row is None else str(row[0])


def known(connection: Connection, client_order_ids: Sequence[str]) -> set[str]:
    """Return those of some ids that are in our records."""
    rows = connection.execute(
        "SELECT client_order_id FROM orders WHERE client_order_id = ANY(%s)",
        (list(client_order_ids),),
    )
    return {str(row[0]) for row in rows}


def newest_day(connection: Connection, account: str) -> date | None:
    """Return the last trading day of which the account has an order; None: it has none."""
    row = connection.execute(
        "SELECT max(trading_date) FROM orders WHERE account = %s", (account,)
    ).fetchone()
    assert row is not None, "an aggregate has a row"
    return row[0]  # type: ignore[no-any-return]


def find(connection: Connection, client_order_id: str) -> Order | None:
    """Return one order, or None."""
    found = _read(connection, "WHERE o.client_order_id = %s", (client_order_id,))
    return found[0] if found else None


def open_orders(connection: Connection, account: str) -> list[Order]:
    """Return the account's orders that something can still happen to, oldest first."""
    return _read(connection, f"WHERE o.account = %s AND {_OPEN}", (account,))


def of_day(connection: Connection, account: str, trading_date: date) -> list[Order]:
    """Return the account's orders of one trading day, oldest first."""
    return _read(
        connection, "WHERE o.account = %s AND o.trading_date = %s", (account, trading_date)
    )


def sent_since(connection: Connection, intent: Intent, since: datetime) -> int:
    """Return how many other orders the account has sent after a moment of market time."""
    row = connection.execute(
        "SELECT count(*) FROM orders WHERE account = %s AND trading_date = %s"
        " AND signal_at > %s AND client_order_id <> %s AND status <> 'rejected'",
        (intent.account, intent.trading_date, since, intent.request.client_order_id),
    ).fetchone()
    assert row is not None, "an aggregate has a row"
    return int(row[0])


def _read(connection: Connection, where: str, values: tuple[Any, ...]) -> list[Order]:
    with connection.cursor(row_factory=dict_row) as cursor:
        cursor.execute(f"{_SELECT} {where} ORDER BY o.recorded_at, o.client_order_id", values)
        return [_order(row) for row in cursor.fetchall()]


def _order(row: Mapping[str, Any]) -> Order:
    request = OrderRequest(
        client_order_id=row["client_order_id"],
        symbol=row["symbol"],
        side=Side(row["side"]),
        quantity=row["quantity"],
        type=OrderType(row["type"]),
        limit_price_usd=row["limit_price_usd"],
        time_in_force=TimeInForce(row["time_in_force"]),
    )
    return Order(
        request=request,
        status=OrderStatus(row["status"]),
        exchange_order_id=row["exchange_order_id"],
        filled_quantity=row["filled_quantity"],
        filled_average_price_usd=row["average_price_usd"],
        submitted_at=row["signal_at"],
        strategy=row["strategy"],
        reason=row["reason"],
    )
