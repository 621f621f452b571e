"""The trading days of each account: opened, closed, reported."""

from dataclasses import dataclass
from datetime import date, datetime

from psycopg import Connection
from psycopg.rows import class_row

_COLUMNS = "account, trading_date, source, opened_at, closed_at, report_path"


@dataclass(frozen=True, slots=True)
class TradingDay:
    """One day of one account. `opened_at` and `closed_at` are wall times.

    Attributes:
        source: Where the market came from: bars or synthetic.
        report_path: Of the day's report, once there is one.
    """

    account: str
    trading_date: date
    source: str
    opened_at: datetime
    closed_at: datetime | None
    report_path: str | None


def open_day(connection: Connection, account: str, trading_date: date, source: str) -> bool:
    """Write down that a day was opened; return False when it is already there."""
    opened = connection.execute(
        "INSERT INTO trading_days (account, trading_date, source) VALUES (%s, %s, %s)"
        " ON CONFLICT (account, trading_date) DO NOTHING",
        (account, trading_date, source),
    )
    return opened.rowcount == 1


def close_day(connection: Connection, account: str, trading_date: date) -> bool:
    """Write down that a day was closed; return False when it was before, or never opened."""
    closed = connection.execute(
        "UPDATE trading_days SET closed_at = clock_timestamp()"
        " WHERE account = %s AND trading_date = %s AND closed_at IS NULL",
        (account, trading_date),
    )
    return closed.rowcount == 1


def set_report(connection: Connection, account: str, trading_date: date, report_path: str) -> None:
    """Write down where the day's report is."""
    connection.execute(
        "UPDATE trading_days SET report_path = %s WHERE account = %s AND trading_date = %s",
        (report_path, account, trading_date),
    )


def find(connection: Connection, account: str, trading_date: date) -> TradingDay | None:
    """Return one day, or None."""
    with connection.cursor(row_factory=class_row(TradingDay)) as cursor:
        cursor.execute(
            f"SELECT {_COLUMNS} FROM trading_days WHERE account = %s AND trading_date = %s",
            (account, trading_date),
        )
        return cursor.fetchone()


def newest(connection: Connection) -> TradingDay | None:
    """Return the day that was opened last, of whatever account, or None."""
    with connection.cursor(row_factory=class_row(TradingDay)) as cursor:
        cursor.execute(f"SELECT {_COLUMNS} FROM trading_days ORDER BY opened_at DESC LIMIT 1")
        return cursor.fetchone()


def before(connection: Connection, account: str, trading_date: date) -> TradingDay | None:
    """Return the account's last trading day before a date, or None."""
    with connection.cursor(row_factory=class_row(TradingDay)) as cursor:
        cursor.execute(
            f"SELECT {_COLUMNS} FROM trading_days WHERE account = %s AND trading_date < %s"
            " ORDER BY trading_date DESC LIMIT 1",
            (account, trading_date),
        )
        return cursor.fetchone()
