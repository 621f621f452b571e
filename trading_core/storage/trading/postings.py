"""The double-entry ledger: postings by entry, only ever added to, each entry adding up to nothing.

PostgreSQL itself refuses an entry that does not balance, when the transaction ends.
"""

from collections.abc import Sequence
from datetime import date
from decimal import Decimal

from psycopg import Connection

from trading_core.domain.postings import Book, Entry
from trading_core.storage.rows import as_json


def insert(connection: Connection, entries: Sequence[tuple[Entry, date]], account: str) -> None:
    """Post entries, each on its trading day.

    Raises:
        psycopg.errors.UniqueViolation: One was posted before.
        psycopg.errors.CheckViolation: At commit: the postings of one do not add up to nothing.
    """
    lines = as_json(
        {
            "id": entry.entry_id,
            "day": day,
            "book": line.book,
            "symbol": line.symbol,
            "usd": line.amount_usd,
        }
        for entry, day in entries
        for line in entry.postings
    )
    connection.execute(
        "INSERT INTO postings (entry_id, account, trading_date, book, symbol, amount_usd)"
        " SELECT id, %s, day, book, symbol, usd FROM json_to_recordset(%s)"
        " AS line (id text, day date, book text, symbol text, usd numeric)",
        (account, lines),
    )


def balances(connection: Connection, account: str) -> dict[tuple[Book, str], Decimal]:
    """Return what each book of an account holds in dollars, debit positive, by book and symbol."""
    rows = connection.execute(
        "SELECT book, symbol, sum(amount_usd) FROM postings WHERE account = %s"
        " GROUP BY book, symbol",
        (account,),
    ).fetchall()
    return {(Book(book), symbol): amount_usd for book, symbol, amount_usd in rows}
