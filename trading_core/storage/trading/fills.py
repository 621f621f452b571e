"""Executions, each recorded once however often it is told."""

from datetime import date
from decimal import Decimal
from typing import Literal

from psycopg import Connection
from psycopg.rows import dict_row

from trading_core.domain.fills import Fill
from trading_core.domain.orders import Side

Source = Literal["stream", "catch_up"]


def insert(
    connection: Connection, fill: Fill, account: str, trading_date: date, source: Source
) -> bool:
    """Write a fill down; return False when it is already there.

    Two writers of the same fill wait for each other: the second sees what the first did.
    """
    written = connection.execute(
        "INSERT INTO fills (execution_id, client_order_id, account, trading_date, symbol, side,"
        " quantity, price_usd, executed_at, source)"
        " VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s)"
        " ON CONFLICT (execution_id) DO NOTHING",
        (
            fill.execution_id,
            fill.client_order_id,
            account,
            trading_date,
            fill.symbol,
            fill.side,
            fill.quantity,
            fill.price_usd,
            fill.executed_at,
            source,
        ),
    )
    return written.rowcount == 1


def set_closed_pnl(connection: Connection, execution_id: str, closed_pnl_usd: Decimal) -> None:
    """Write down what the shares that a fill closed earned, in dollars."""
    connection.execute(
        "UPDATE fills SET closed_pnl_usd = %s WHERE execution_id = %s",
        (closed_pnl_usd, execution_id),
    )


def of_day(connection: Connection, account: str, trading_date: date) -> list[Fill]:
    """Return the account's fills of one trading day in the order they were executed."""
    return _read(connection, "account = %s AND trading_date = %s", (account, trading_date))


def of_account(connection: Connection, account: str) -> list[Fill]:
    """Return all the account's fills in the order they were executed."""
    return _read(connection, "account = %s", (account,))


def as_recorded(connection: Connection, account: str) -> list[Fill]:
    """Return all the account's fills in the order they reached our books; some come late."""
    return _read(connection, "account = %s", (account,), by="recorded_at, executed_at")


def count_of_day(connection: Connection, account: str, trading_date: date) -> int:
    """Return how many fills of one trading day are recorded."""
    row = connection.execute(
        "SELECT count(*) FROM fills WHERE account = %s AND trading_date = %s",
        (account, trading_date),
    ).fetchone()
    assert row is not None, "an aggregate has a row"
    return int(row[0])


def _read(
    connection: Connection,
    where: str,
    values: tuple[object, ...],
    by: str = "executed_at, recorded_at",
) -> list[Fill]:
    with connection.cursor(row_factory=dict_row) as cursor:
        cursor.execute(
            "SELECT execution_id, client_order_id, symbol, side, quantity, price_usd, executed_at"
            f" FROM fills WHERE {where} ORDER BY {by}, execution_id",
            values,
        )
        return [Fill(**{**row, "side": Side(row["side"])}) for row in cursor.fetchall()]
