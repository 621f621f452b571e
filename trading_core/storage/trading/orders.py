"""Orders, one row each from the intent on.

An order's status only ever moves forward: executions make it filled, the exchange's word makes it
cancelled, expired or rejected, and no late message takes a step back.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
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
from trading_core.domain.shares import Shares, shares
from trading_core.storage.rows import as_json

_SELECT = """
SELECT o.*, f.average_price_usd
FROM orders o
LEFT JOIN LATERAL (
    SELECT sum(quantity * price_usd) / sum(quantity) AS average_price_usd
    FROM fills WHERE fills.client_order_id = o.client_order_id AND o.filled_quantity > 0
) f ON true
"""
_OPEN = "status IN ('intended', 'new', 'partially_filled')"


# Strategy, symbol, side, quantity, type and limit price in dollars.
Likeness = tuple[str, str, str, Shares, str, Decimal | None]


@dataclass(frozen=True, slots=True)
class Intent:
    """An order about to be sent. `signal_at` is market time."""

    account: str
    trading_date: date
    strategy: str
    request: OrderRequest
    signal_at: datetime

    @property
    def likeness(self) -> Likeness:
        """What two orders have in common that are the same order given twice."""
        one = self.request
        return self.strategy, one.symbol, one.side, one.quantity, one.type, one.limit_price_usd


@dataclass(frozen=True, slots=True)
class Acknowledgement:
    """The exchange took the order. Times are wall times; the round trip in microseconds."""

    exchange_order_id: str
    sent_at: datetime
    acknowledged_at: datetime
    acknowledge_us: int


def record_intents(connection: Connection, intents: Sequence[Intent]) -> set[str]:
    """Write orders down before they are sent; return the ids that were not there already."""
    told = as_json(
        {
            "id": intent.request.client_order_id,
            "account": intent.account,
            "trading_date": intent.trading_date,
            "strategy": intent.strategy,
            "symbol": intent.request.symbol,
            "side": intent.request.side,
            "type": intent.request.type,
            "time_in_force": intent.request.time_in_force,
            "quantity": intent.request.quantity,
            "limit_price_usd": intent.request.limit_price_usd,
            "signal_at": intent.signal_at,
        }
        for intent in intents
    )
    rows = connection.execute(
        "INSERT INTO orders (client_order_id, account, trading_date, strategy, symbol, side, type,"
        " time_in_force, quantity, limit_price_usd, signal_at, status)"
        " SELECT new.*, 'intended' FROM json_to_recordset(%s) AS new (id text, account text,"
        " trading_date date, strategy text, symbol text, side text, type text, time_in_force text,"
        " quantity numeric, limit_price_usd numeric, signal_at timestamptz)"
        " ON CONFLICT (client_order_id) DO NOTHING RETURNING client_order_id",
        (told,),
    )
    return {str(row[0]) for row in rows}


def record_intent(connection: Connection, intent: Intent) -> bool:
    """Write one order down before it is sent; return False when its id is already there."""
    return bool(record_intents(connection, [intent]))


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


def reopen(connection: Connection, client_order_id: str, *, refused_as: str) -> bool:
    """Make an order that never left an intent again; return whether it was one.

    Args:
        refused_as: The reason that says so.
    """
    changed = connection.execute(
        "UPDATE orders SET status = 'intended', reason = '' WHERE client_order_id = %s"
        " AND status = 'rejected' AND reason = %s AND exchange_order_id IS NULL",
        (client_order_id, refused_as),
    )
    return changed.rowcount == 1


def record_acknowledgement(
    connection: Connection,
    client_order_id: str,
    taken: Acknowledgement,
    risk_check_ns: int | None = None,
) -> None:
    """Write down that the exchange has the order. Executions may have been recorded before."""
    record_acknowledgements(connection, [(client_order_id, taken, risk_check_ns)])


def record_acknowledgements(
    connection: Connection, rows: Sequence[tuple[str, Acknowledgement, int | None]]
) -> None:
    """Write down orders the exchange has, each with the time its risk check took."""
    told = as_json(
        {
            "ours": client_order_id,
            "theirs": taken.exchange_order_id,
            "sent_at": taken.sent_at,
            "acknowledged_at": taken.acknowledged_at,
            "acknowledge_us": taken.acknowledge_us,
            "risk_check_ns": risk_check_ns,
        }
        for client_order_id, taken, risk_check_ns in rows
    )
    connection.execute(
        "UPDATE orders SET status = CASE status WHEN 'intended' THEN 'new' ELSE status END,"
        " exchange_order_id = ack.theirs, sent_at = ack.sent_at,"
        " acknowledged_at = ack.acknowledged_at, acknowledge_us = ack.acknowledge_us,"
        " risk_check_ns = coalesce(ack.risk_check_ns, orders.risk_check_ns)"
        " FROM json_to_recordset(%s) AS ack (ours text, theirs text, sent_at timestamptz,"
        " acknowledged_at timestamptz, acknowledge_us bigint, risk_check_ns bigint)"
        " WHERE client_order_id = ack.ours",
        (told,),
    )


def record_adoption(connection: Connection, client_order_id: str, exchange_order_id: str) -> None:
    """Write down that an order of ours turned out to be at the exchange already."""
    record_adoptions(connection, {client_order_id: exchange_order_id})


def record_adoptions(connection: Connection, exchange_order_ids: Mapping[str, str]) -> None:
    """Write down what the exchange calls orders of ours that it has, by our id."""
    connection.execute(
        "UPDATE orders SET status = CASE status WHEN 'intended' THEN 'new' ELSE status END,"
        " exchange_order_id = named.theirs FROM unnest(%s::text[], %s::text[]) AS named"
        " (ours, theirs) WHERE client_order_id = named.ours"
        " AND exchange_order_id IS DISTINCT FROM named.theirs",
        (list(exchange_order_ids), list(exchange_order_ids.values())),
    )


def lock(connection: Connection, client_order_ids: Sequence[str]) -> None:
    """Hold orders until the transaction ends.

    Two transactions that change several orders each would wait for each other for ever, did not
    both take theirs in one order beforehand.
    """
    connection.execute(
        "SELECT FROM orders WHERE client_order_id = ANY(%s) ORDER BY client_order_id FOR UPDATE",
        (list(client_order_ids),),
    )


def record_execution(connection: Connection, client_order_id: str, quantity: Shares) -> OrderStatus:
    """Add executed shares to an order and return its status."""
    return record_executions(connection, {client_order_id: quantity})[client_order_id][0]


def record_executions(
    connection: Connection,
    quantities: Mapping[str, Shares],
    exchange_order_ids: Mapping[str, str] | None = None,
) -> dict[str, tuple[OrderStatus, Shares]]:
    """Add executed shares to orders; return each one's status, and all that is filled of it.

    Args:
        exchange_order_ids: What the exchange calls them, as far as it was told.
    """
    named = exchange_order_ids or {}
    told = as_json(
        {"id": order_id, "shares": more, "theirs": named.get(order_id)}
        for order_id, more in quantities.items()
    )
    rows = connection.execute(
        "UPDATE orders SET filled_quantity = filled_quantity + more.shares, status = CASE"
        "   WHEN filled_quantity + more.shares = quantity THEN 'filled'"
        "   WHEN status IN ('canceled', 'expired') THEN status"
        "   ELSE 'partially_filled' END,"
        " exchange_order_id = coalesce(more.theirs, exchange_order_id)"
        " FROM json_to_recordset(%s) AS more (id text, shares numeric, theirs text)"
        " WHERE client_order_id = more.id RETURNING client_order_id, status, filled_quantity",
        (told,),
    )
    return {
        str(order_id): (OrderStatus(status), shares(filled)) for order_id, status, filled in rows
    }


@dataclass(frozen=True, slots=True)
class End:
    """An order is over, as the exchange says.

    Attributes:
        filled_quantity: What the exchange says was filled. An order whose executions are not all
            recorded stays open until they are: its shares still count against the limits.
    """

    client_order_id: str
    status: OrderStatus
    filled_quantity: Shares
    reason: str


def record_ends(connection: Connection, ends: Sequence[End]) -> list[OrderStatus]:
    """Write down open orders that were cancelled, expired or rejected; return what changed."""
    if not ends:
        return []
    rows = connection.execute(
        "UPDATE orders SET status = told.end_status, reason = told.end_reason"
        " FROM json_to_recordset(%s) AS told (id text, end_status text, shares numeric,"
        " end_reason text)"
        f" WHERE client_order_id = told.id AND {_OPEN} AND filled_quantity >= told.shares"
        " RETURNING status",
        (
            as_json(
                {
                    "id": one.client_order_id,
                    "end_status": one.status,
                    "shares": one.filled_quantity,
                    "end_reason": one.reason,
                }
                for one in ends
            ),
        ),
    )
    return [OrderStatus(row[0]) for row in rows]


def filled_of(connection: Connection, client_order_ids: Sequence[str]) -> dict[str, Shares]:
    """Return how many shares of each of some orders are filled in our records."""
    rows = connection.execute(
        "SELECT client_order_id, filled_quantity FROM orders WHERE client_order_id = ANY(%s)",
        (list(client_order_ids),),
    )
    return {str(order_id): shares(filled) for order_id, filled in rows}


def accounts_of(connection: Connection, client_order_ids: Sequence[str]) -> dict[str, str]:
    """Return the account each of some orders was sent for; those not in our records left out."""
    rows = connection.execute(
        "SELECT client_order_id, account FROM orders WHERE client_order_id = ANY(%s)",
        (list(client_order_ids),),
    )
    return {str(order_id): str(account) for order_id, account in rows}


def known(connection: Connection, client_order_ids: Sequence[str]) -> set[str]:
    """Return those of some ids that are in our records."""
    return set(names_of(connection, client_order_ids))


def names_of(connection: Connection, client_order_ids: Sequence[str]) -> dict[str, str | None]:
    """Return what the exchange calls those of some orders that are in our records."""
    rows = connection.execute(
        "SELECT client_order_id, exchange_order_id FROM orders WHERE client_order_id = ANY(%s)",
        (list(client_order_ids),),
    )
    return dict(rows.fetchall())


def newest_day(connection: Connection, account: str) -> date | None:
    """Return the last trading day of which the account has an order; None: it has none."""
    row = connection.execute(
        "SELECT max(trading_date) FROM orders WHERE account = %s", (account,)
    ).fetchone()
    assert row is not None, "an aggregate has a row"
    return row[0]  # type: ignore[no-any-return]


def find(connection: Connection, client_order_id: str) -> Order | None:
    """Return one order, or None."""
    return find_all(connection, [client_order_id]).get(client_order_id)


def find_all(connection: Connection, client_order_ids: Sequence[str]) -> dict[str, Order]:
    """Return those of some orders that are in our records, by id."""
    found = _read(connection, "WHERE o.client_order_id = ANY(%s)", (list(client_order_ids),))
    return {order.request.client_order_id: order for order in found}


def open_orders(connection: Connection, account: str) -> list[Order]:
    """Return the account's orders that something can still happen to, oldest first."""
    return _read(connection, f"WHERE o.account = %s AND {_OPEN}", (account,))


def of_day(connection: Connection, account: str, trading_date: date) -> list[Order]:
    """Return the account's orders of one trading day, oldest first."""
    return _read(
        connection, "WHERE o.account = %s AND o.trading_date = %s", (account, trading_date)
    )


def sent_since(
    connection: Connection, session: tuple[str, date], since: datetime, but: Sequence[str] = ()
) -> list[datetime]:
    """Return when orders of an account's day were signalled after a moment of market time.

    Args:
        session: The account, and the trading day.
        but: Ids that do not count.
    """
    rows = connection.execute(
        "SELECT signal_at FROM orders WHERE account = %s AND trading_date = %s"
        " AND signal_at > %s AND client_order_id <> ALL(%s) AND status <> 'rejected'",
        (*session, since, list(but)),
    )
    return [row[0] for row in rows]


def alike_since(
    connection: Connection, day: tuple[str, date], since: datetime, *, but: Sequence[str]
) -> dict[Likeness, int]:
    """Return how many orders of each kind an account's day has sent after a market time.

    Args:
        but: Ids that are not counted.
    """
    rows = connection.execute(
        "SELECT strategy, symbol, side, quantity, type, limit_price_usd, count(*) FROM orders"
        " WHERE account = %s AND trading_date = %s AND signal_at > %s AND status <> 'rejected'"
        " AND client_order_id <> ALL(%s) GROUP BY 1, 2, 3, 4, 5, 6",
        (*day, since, list(but)),
    )
    return {tuple(kind): count for *kind, count in rows}


def _read(connection: Connection, where: str, values: tuple[Any, ...]) -> list[Order]:
    with connection.cursor(row_factory=dict_row) as cursor:
        cursor.execute(f"{_SELECT} {where} ORDER BY o.recorded_at, o.client_order_id", values)
        return [_order(row) for row in cursor.fetchall()]


def _order(row: Mapping[str, Any]) -> Order:
    request = OrderRequest(
        client_order_id=row["client_order_id"],
        symbol=row["symbol"],
        side=Side(row["side"]),
        quantity=shares(row["quantity"]),
        type=OrderType(row["type"]),
        limit_price_usd=row["limit_price_usd"],
        time_in_force=TimeInForce(row["time_in_force"]),
    )
    return Order(
        request=request,
        status=OrderStatus(row["status"]),
        exchange_order_id=row["exchange_order_id"],
        filled_quantity=shares(row["filled_quantity"]),
        filled_average_price_usd=row["average_price_usd"],
        submitted_at=row["signal_at"],
        strategy=row["strategy"],
        reason=row["reason"],
    )
