"""Executions, each recorded once however often it is told."""

from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Literal

from psycopg import Connection
from psycopg.rows import dict_row

from trading_core.domain.fills import Fill
from trading_core.domain.orders import Side
from trading_core.storage.rows import as_json

Source = Literal["stream", "catch_up", "import"]


def insert(
    connection: Connection, told: Sequence[tuple[Fill, str, date]], source: Source
) -> set[str]:
    """Write fills down, each with its account and trading day; return the ids that are new.

    Two writers of the same fill wait for each other: the second sees what the first did.
    """
    rows = connection.execute(
        "INSERT INTO fills (execution_id, client_order_id, account, trading_date, symbol, side,"
        " quantity, price_usd, executed_at, source)"
        " SELECT new.*, %s FROM json_to_recordset(%s) AS new (id text, client_order_id text,"
        " account text, trading_date date, symbol text, side text, quantity numeric,"
        " price_usd numeric, executed_at timestamptz)"
        " ON CONFLICT (execution_id) DO NOTHING RETURNING execution_id",
        (
            source,
            as_json(
                {
                    "id": fill.execution_id,
                    "client_order_id": fill.client_order_id,
                    "account": account,
                    "trading_date": trading_date,
                    "symbol": fill.symbol,
                    "side": fill.side,
                    "quantity": fill.quantity,
                    "price_usd": fill.price_usd,
                    "executed_at": fill.executed_at,
                }
                for fill, account, trading_date in told
            ),
        ),
    )
    return {str(row[0]) for row in rows}


def known(connection: Connection, execution_ids: Sequence[str]) -> set[str]:
    """Return those of some executions that are in our records."""
    rows = connection.execute(
        "SELECT execution_id FROM fills WHERE execution_id = ANY(%s)", (list(execution_ids),)
    )
    return {str(row[0]) for row in rows}


def set_closed_pnl(connection: Connection, earned_usd: Mapping[str, Decimal]) -> None:
    """Write down what the shares earned, in dollars, that executions closed."""
    if not earned_usd:
        return
    connection.execute(
        "UPDATE fills SET closed_pnl_usd = earned.usd"
        " FROM json_to_recordset(%s) AS earned (id text, usd numeric)"
        " WHERE execution_id = earned.id",
        (as_json({"id": id_, "usd": usd} for id_, usd in earned_usd.items()),),
    )


def of_day(connection: Connection, account: str, trading_date: date) -> list[Fill]:
    """Return the account's fills of one trading day in the order they were executed."""
    return _read(connection, "account = %s AND trading_date = %s", (account, trading_date))


def of_account(connection: Connection, account: str) -> list[Fill]:
    """Return all the account's fills in the order they were executed."""
    return _read(connection, "account = %s", (account,))


def as_recorded(connection: Connection, account: str) -> list[Fill]:
    """Return all the account's fills in the order they reached our books; some come late."""
    return _read(connection, "account = %s", (account,), by="number")


def numbered(connection: Connection, account: str) -> list[tuple[int, Fill]]:
    """Return all the account's fills with their place in the order they reached our books."""
    told = as_recorded(connection, account)
    rows = connection.execute(
        "SELECT number FROM fills WHERE account = %s ORDER BY number", (account,)
    )
    return [(row[0], fill) for row, fill in zip(rows, told, strict=True)]


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
