"""Our side of a comparison with the broker, read from the tables as a statement."""

from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from typing import Any, cast

from psycopg import Connection
from psycopg.rows import dict_row, tuple_row

from trading_core.domain.activities import ActivityKind
from trading_core.reconciliation.columns import FillRow
from trading_core.reconciliation.statement import ActionWord, Of, OrderWord


def fills_between(
    connection: Connection, account: str, first: date, last: date, named: Sequence[str]
) -> list[FillRow]:
    """Return an account's fills of some days, and whichever of `named` are in any other day."""
    with connection.cursor(row_factory=tuple_row) as cursor:
        cursor.execute(
            "SELECT account, symbol, execution_id, client_order_id,"
            " CASE side WHEN 'buy' THEN quantity ELSE -quantity END::numeric, price_usd,"
            " 0::numeric, executed_at, trading_date FROM fills WHERE account = %s"
            " AND (trading_date BETWEEN %s AND %s OR execution_id = ANY(%s)) ORDER BY executed_at",
            (account, first, last, list(named)),
        )
        return [FillRow(*row) for row in cursor.fetchall()]


def orders_between(
    connection: Connection, account: str, first: date, last: date, named: Sequence[str]
) -> dict[Of, OrderWord]:
    """Return an account's orders of some days, and whichever of `named` are in any other day.

    A refused order exists on our side only, and must: it is left out.
    """
    with connection.cursor(row_factory=dict_row) as cursor:
        cursor.execute(
            "SELECT client_order_id, symbol, status, side, quantity, filled_quantity, trading_date"
            " FROM orders WHERE account = %s"
            " AND (status <> 'rejected' OR exchange_order_id IS NOT NULL)"
            " AND (trading_date BETWEEN %s AND %s OR client_order_id = ANY(%s))",
            (account, first, last, list(named)),
        )
        return {(account, str(row["client_order_id"])): _word(row) for row in cursor.fetchall()}


def actions_between(
    connection: Connection, account: str, first: date, last: date
) -> tuple[ActionWord, ...]:
    """Return what happened to an account beside trades on some days, in our books."""
    rows = connection.execute(
        "SELECT kind, symbol, on_date, quantity, amount_usd FROM activities"
        " WHERE account = %s AND on_date BETWEEN %s AND %s ORDER BY number",
        (account, first, last),
    )
    return tuple(ActionWord(account, ActivityKind(kind), *rest) for kind, *rest in rows)


def cash_postings_after(connection: Connection, account: str, after: date, last: date) -> Decimal:
    """Return in dollars what an account's postings moved its cash by, after a day and up to one.

    What is charged or paid after a close is often dated back: what our books learned when `after`
    was closed already has moved cash since, whatever day it is of.
    """
    row = connection.execute(
        "SELECT (SELECT coalesce(sum(amount_usd), 0) FROM postings WHERE account = %(account)s"
        " AND book = 'cash' AND trading_date > %(after)s AND trading_date <= %(last)s)"
        " + (SELECT coalesce(sum(amount_usd), 0) FROM activities JOIN trading_days USING (account)"
        " WHERE account = %(account)s AND trading_date = %(after)s AND on_date <= trading_date"
        " AND recorded_at > closed_at)",
        {"account": account, "after": after, "last": last},
    ).fetchone()
    assert row is not None, "an aggregate has a row"
    return Decimal(row[0])


def closed_cash_before(
    connection: Connection, account: str, day: date
) -> tuple[date, Decimal] | None:
    """Return the last closed day before `day`, and the cash in dollars it was closed with."""
    row = connection.execute(
        "SELECT trading_date, cash_usd FROM trading_days JOIN reconciliations"
        " USING (account, trading_date) WHERE account = %s AND trading_date < %s"
        " AND closed_at IS NOT NULL AND cash_usd IS NOT NULL ORDER BY trading_date DESC LIMIT 1",
        (account, day),
    ).fetchone()
    return cast("tuple[date, Decimal] | None", row)


def sums_of(connection: Connection, execution_ids: Sequence[str]) -> tuple[int, int, Decimal]:
    """Return how many of some executions are recorded, their shares, and their dollars in all."""
    row = connection.execute(
        "SELECT count(*), coalesce(sum(quantity), 0), coalesce(sum(quantity * price_usd), 0)"
        " FROM fills WHERE execution_id = ANY(%s)",
        (list(execution_ids),),
    ).fetchone()
    assert row is not None, "an aggregate has a row"
    return int(row[0]), int(row[1]), Decimal(row[2])


def orders_of_exchange(connection: Connection, exchange_order_ids: Sequence[str]) -> dict[str, str]:
    """Return our ids of orders by the exchange's, of those that are in our records."""
    rows = connection.execute(
        "SELECT exchange_order_id, client_order_id FROM orders WHERE exchange_order_id = ANY(%s)",
        (list(exchange_order_ids),),
    )
    return {str(theirs): str(ours) for theirs, ours in rows}


def _word(row: dict[str, Any]) -> OrderWord:
    sign = 1 if row["side"] == "buy" else -1
    return OrderWord(
        symbol=row["symbol"],
        status=row["status"],
        ordered_shares=Decimal(sign * row["quantity"]),
        filled_shares=Decimal(sign * row["filled_quantity"]),
        trading_date=row["trading_date"],
    )
