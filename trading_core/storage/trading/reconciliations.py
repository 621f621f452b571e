"""What the comparison with the exchange found: one row a day and account, the newest look."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from psycopg import Connection
from psycopg.rows import class_row
from psycopg.types.json import Jsonb


@dataclass(frozen=True, slots=True)
class Reconciliation:
    """One day of one account, compared. `reconciled_at` is wall time.

    Attributes:
        compared: How many of each kind, on both sides: {"orders": {"ours": 3, "theirs": 3}}.
        breaks: Every disagreement that nobody had explained: {"kind", "subject", "ours", "theirs"}.
    """

    account: str
    trading_date: date
    compared: Mapping[str, Any]
    breaks: list[dict[str, str]]
    break_count: int
    reconciled_at: datetime


@dataclass(frozen=True, slots=True)
class Found:
    """What a comparison found.

    Attributes:
        compared: As of `Reconciliation`.
        breaks: As of `Reconciliation`.
        cash_usd: The broker's, not rounded: the next day goes on from it. None: not compared.
    """

    compared: Mapping[str, Any]
    breaks: list[dict[str, str]]
    cash_usd: Decimal | None = None


def save(connection: Connection, account: str, trading_date: date, found: Found) -> None:
    """Write down what was found, in the place of what an earlier look had found."""
    connection.execute(
        "INSERT INTO reconciliations AS kept"
        " (account, trading_date, compared, breaks, break_count, cash_usd)"
        " VALUES (%(account)s, %(date)s, %(compared)s, %(breaks)s, %(count)s, %(cash)s)"
        " ON CONFLICT (account, trading_date) DO UPDATE SET compared = excluded.compared,"
        " breaks = excluded.breaks, break_count = excluded.break_count,"
        " cash_usd = coalesce(excluded.cash_usd, kept.cash_usd),"
        " reconciled_at = clock_timestamp()",
        {
            "account": account,
            "date": trading_date,
            "compared": Jsonb(dict(found.compared)),
            "breaks": Jsonb(found.breaks),
            "count": len(found.breaks),
            "cash": found.cash_usd,
        },
    )


def of_day(connection: Connection, account: str, trading_date: date) -> Reconciliation | None:
    """Return what was found for one day, or None when nobody has looked."""
    with connection.cursor(row_factory=class_row(Reconciliation)) as cursor:
        cursor.execute(
            "SELECT account, trading_date, compared, breaks, break_count, reconciled_at"
            " FROM reconciliations WHERE account = %s AND trading_date = %s",
            (account, trading_date),
        )
        return cursor.fetchone()
