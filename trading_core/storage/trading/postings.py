"""The double-entry ledger: postings by entry, only ever added to, each entry adding up to nothing.

PostgreSQL itself refuses an entry that does not balance, when the transaction ends.
"""

from datetime import date
from decimal import Decimal

from psycopg import Connection

from trading_core.domain.postings import Book, Entry


def insert(connection: Connection, entry: Entry, account: str, trading_date: date) -> None:
    """Post an entry.

    Raises:
        psycopg.errors.UniqueViolation: It was posted before.
        psycopg.errors.CheckViolation: At commit: its postings do not add up to nothing.
    """
    with connection.cursor() as cursor:
        cursor.executemany(
            "INSERT INTO postings (entry_id, account, trading_date, book, symbol, amount_usd)"
            " VALUES (%s, %s, %s, %s, %s, %s)",
            [
                (entry.entry_id, account, trading_date, one.book, one.symbol, one.amount_usd)
                for one in entry.postings
            ],
        )


def balances(connection: Connection, account: str) -> dict[tuple[Book, str], Decimal]:
    """Return what each book of an account holds in dollars, debit positive, by book and symbol."""
    rows = connection.execute(
        "SELECT book, symbol, sum(amount_usd) FROM postings WHERE account = %s"
        " GROUP BY book, symbol",
        (account,),
    ).fetchall()
    return {(Book(book), symbol): amount_usd for book, symbol, amount_usd in rows}
