"""What happened to an account beside trades, each recorded once however often it is told."""

from collections.abc import Sequence
from datetime import date
from decimal import Decimal

from psycopg import Connection
from psycopg.rows import dict_row

from trading_core.domain.activities import Activity, ActivityKind
from trading_core.domain.fills import Fill
from trading_core.domain.shares import shares
from trading_core.storage.trading import fills


def insert(connection: Connection, account: str, told: Sequence[Activity]) -> set[str]:
    """Write activities of an account down; return the ids that are new."""
    rows = connection.execute(
        "INSERT INTO activities (account, activity_id, kind, on_date, symbol, quantity, amount_usd,"
        " description)"
        " SELECT %s, * FROM unnest(%s::text[], %s::text[], %s::date[], %s::text[], %s::numeric[],"
        " %s::numeric[], %s::text[])"
        " ON CONFLICT (activity_id) DO NOTHING RETURNING activity_id",
        (
            account,
            [one.activity_id for one in told],
            [one.kind.value for one in told],
            [one.on for one in told],
            [one.symbol for one in told],
            [Decimal(one.quantity) for one in told],
            [one.amount_usd for one in told],
            [one.description for one in told],
        ),
    )
    return {str(row[0]) for row in rows}


def profit_of_day(connection: Connection, account: str, trading_date: date) -> Decimal:
    """Return what fees and dividends of one day came to, in dollars."""
    row = connection.execute(
        "SELECT coalesce(sum(amount_usd), 0) FROM activities"
        " WHERE account = %s AND on_date = %s AND kind <> 'other'",
        (account, trading_date),
    ).fetchone()
    assert row is not None, "an aggregate has a row"
    return Decimal(row[0])


def of_account(connection: Connection, account: str) -> list[tuple[int, Activity]]:
    """Return the account's activities in the order they reached our books, with their place."""
    with connection.cursor(row_factory=dict_row) as cursor:
        cursor.execute(
            "SELECT number, activity_id, kind, on_date, symbol, quantity, amount_usd, description"
            " FROM activities WHERE account = %s ORDER BY number",
            (account,),
        )
        return [
            (
                row.pop("number"),
                Activity(
                    kind=ActivityKind(row.pop("kind")),
                    on=row.pop("on_date"),
                    quantity=shares(row.pop("quantity")),
                    **row,
                ),
            )
            for row in cursor.fetchall()
        ]


def history(connection: Connection, account: str) -> list[Fill | Activity]:
    """Return all that ever happened to an account, in the order it reached our books."""
    numbered: list[tuple[int, Fill | Activity]] = [
        *fills.numbered(connection, account),
        *of_account(connection, account),
    ]
    return [event for _, event in sorted(numbered, key=lambda row: row[0])]
