"""The statements by which our books are put right: one fill or one order, and what follows.

Nothing here decides anything; `trading_core.ledger.correct` does, in one transaction.
"""

from collections.abc import Mapping
from typing import Any

from psycopg import Connection, sql
from psycopg.rows import dict_row

from trading_core.domain.positions import Position
from trading_core.domain.postings import Entry
from trading_core.ledger.session import Session

FILL = (
    *("execution_id", "client_order_id", "account", "trading_date", "symbol", "side", "quantity"),
    *("price_usd", "executed_at", "source"),
)
Row = Mapping[str, Any]


def fill_row(connection: Connection, execution_id: str) -> dict[str, Any] | None:
    """Return a fill's row as JSON keeps it: text, numbers as text; None: there is none."""
    with connection.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(
            "SELECT execution_id, client_order_id, account, trading_date::text, symbol, side,"
            " quantity::text, price_usd::text, executed_at::text, source"
            " FROM fills WHERE execution_id = %s",
            (execution_id,),
        ).fetchone()


def insert_fill(connection: Connection, row: Row) -> None:
    """Write a fill down.

    Raises:
        psycopg.errors.ForeignKeyViolation: Its order is not in our records.
    """
    names = sql.SQL(", ").join(map(sql.Identifier, FILL))
    values = sql.SQL(", ").join(map(sql.Placeholder, FILL))
    query = sql.SQL("INSERT INTO fills ({}) VALUES ({})").format(names, values)
    connection.execute(query, {name: row[name] for name in FILL})


def update_fill(connection: Connection, execution_id: str, row: Row) -> None:
    """Put a fill in the place of one that is there."""
    sets = sql.SQL(", ").join(
        sql.SQL("{} = {}").format(sql.Identifier(name), sql.Placeholder(name)) for name in FILL
    )
    query = sql.SQL("UPDATE fills SET {} WHERE execution_id = %(was)s").format(sets)
    connection.execute(query, {name: row[name] for name in FILL} | {"was": execution_id})


def remove_fill(connection: Connection, execution_id: str, why: str) -> None:
    """Take a fill out; the whole row is kept aside, with the reason."""
    connection.execute("SELECT remove_fill(%s, %s)", (execution_id, why))


def count_order_anew(connection: Connection, client_order_id: str) -> None:
    """Make an order's filled shares those of its fills, and its status follow while it is alive.

    Of an order with a fill too many no more is filled than was ordered.
    """
    connection.execute(
        "UPDATE orders SET filled_quantity = least(made.shares, quantity), status = CASE"
        "   WHEN made.shares >= quantity THEN 'filled'"
        "   WHEN status IN ('canceled', 'expired', 'rejected') THEN status"
        "   WHEN made.shares > 0 THEN 'partially_filled' ELSE 'new' END"
        " FROM (SELECT coalesce(sum(quantity), 0) AS shares FROM fills"
        "   WHERE client_order_id = %(id)s) AS made"
        " WHERE client_order_id = %(id)s",
        {"id": client_order_id},
    )


def order_row(connection: Connection, client_order_id: str) -> dict[str, Any] | None:
    """Return what can be corrected of an order; None: it is not in our records."""
    with connection.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(
            "SELECT client_order_id, status, reason FROM orders WHERE client_order_id = %s",
            (client_order_id,),
        ).fetchone()


def set_order(connection: Connection, row: Row) -> None:
    """Set where an order stands, and why."""
    connection.execute(
        "UPDATE orders SET status = %(status)s, reason = %(reason)s"
        " WHERE client_order_id = %(client_order_id)s",
        row,
    )


def lock_positions(connection: Connection, account: str) -> None:
    """Hold an account's positions until the transaction ends: who records a fill waits."""
    connection.execute("SELECT FROM positions WHERE account = %s FOR UPDATE", (account,))


def put_position(connection: Connection, account: str, held: Position) -> None:
    """Put a position in the place of what is there."""
    connection.execute(
        "INSERT INTO positions (account, symbol, quantity, cost_basis_usd, realized_pnl_usd)"
        " VALUES (%s, %s, %s, %s, %s) ON CONFLICT (account, symbol) DO UPDATE SET"
        " quantity = excluded.quantity, cost_basis_usd = excluded.cost_basis_usd,"
        " realized_pnl_usd = excluded.realized_pnl_usd, updated_at = clock_timestamp()",
        (account, held.symbol, held.quantity, held.cost_basis_usd, held.realized_pnl_usd),
    )


def post(connection: Connection, entry: Entry, session: Session) -> None:
    """Post an entry that corrects the balances; one without lines is none."""
    with connection.cursor() as cursor:
        cursor.executemany(
            "INSERT INTO postings (entry_id, account, trading_date, book, symbol, amount_usd)"
            " VALUES (%s, %s, %s, %s, %s, %s)",
            [
                (entry.entry_id, *(session.account, session.trading_date), *one)
                for one in ((line.book, line.symbol, line.amount_usd) for line in entry.postings)
            ],
        )


def set_closed_pnl(connection: Connection, earned_usd: Mapping[str, Any]) -> None:
    """Set what the shares earned, in dollars, that each fill closed; None: it closed none."""
    with connection.cursor() as cursor:
        cursor.executemany(
            "UPDATE fills SET closed_pnl_usd = %(usd)s"
            " WHERE execution_id = %(id)s AND closed_pnl_usd IS DISTINCT FROM %(usd)s::numeric",
            [{"id": execution_id, "usd": usd} for execution_id, usd in earned_usd.items()],
        )
