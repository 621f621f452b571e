"""Whether the trading database agrees with itself: readable, linked, and adding up."""

from psycopg import Connection

from tasks.kernel import CheckResult, Verdict, check
from trading_core.ledger import rebuild
from trading_core.storage.connect import Database
from trading_core.storage.fingerprints import fingerprint

_SHOWN = 3

# Each question returns the rows that must not be there, one text column.
_LINKS: dict[str, str] = {
    "orders filled other than their fills": """
        SELECT o.client_order_id || ' says ' || o.filled_quantity || ', fills make '
               || coalesce(sum(f.quantity), 0)
        FROM orders o LEFT JOIN fills f USING (client_order_id)
        GROUP BY o.client_order_id, o.filled_quantity
        HAVING o.filled_quantity <> coalesce(sum(f.quantity), 0)""",
    "fills unlike their order": """
        SELECT f.execution_id FROM fills f JOIN orders o USING (client_order_id)
        WHERE (f.symbol, f.side, f.account) IS DISTINCT FROM (o.symbol, o.side, o.account)""",
    "fills of another day than they say": """
        SELECT execution_id FROM fills
        WHERE (executed_at AT TIME ZONE 'America/New_York')::date <> trading_date""",
    "closed days that count other trades than there are fills": """
        SELECT p.account || ' ' || p.trading_date FROM daily_pnl p
        WHERE p.frozen_at IS NOT NULL AND p.trade_count <> (
            SELECT count(*) FROM fills f
            WHERE (f.account, f.trading_date) = (p.account, p.trading_date))""",
    "bars at no whole minute": """
        SELECT symbol || ' ' || started_at FROM bars
        WHERE date_trunc('minute', started_at) <> started_at""",
}


@check
def check_tables_readable(database: Database) -> CheckResult:
    """Read every row of every table."""
    with database.transaction() as connection:
        tables = fingerprint(connection)
    rows = sum(int(str(one["rows"])) for one in tables.values())
    return CheckResult(
        Verdict.PASS,
        f"{len(tables)} tables, {rows} rows read",
        "every row of every table can be read",
    )


@check
def check_records_linked(database: Database) -> CheckResult:
    """Compare orders with fills, fills with days, days with their counts."""
    found: dict[str, list[str]] = {}
    with database.transaction() as connection:
        for what, question in _LINKS.items():
            rows = [str(row[0]) for row in connection.execute(question).fetchall()]
            if rows:
                found[what] = rows
    words = "; ".join(f"{what}: {', '.join(rows[:_SHOWN])}" for what, rows in found.items())
    return CheckResult(
        Verdict.FAIL if found else Verdict.PASS,
        words or f"{len(_LINKS)} comparisons agree",
        "orders, fills and days agree",
        found,
    )


@check
def check_books_follow_fills(database: Database) -> CheckResult:
    """Rebuild positions and books of every account from its fills alone."""
    with database.transaction() as connection:
        apart = {one: rebuild.disagreements(connection, one) for one in _accounts(connection)}
    wrong = {account: said for account, said in apart.items() if said}
    words = "; ".join(f"{account}: {said[0]}" for account, said in wrong.items())
    return CheckResult(
        Verdict.FAIL if wrong else Verdict.PASS,
        words or f"{len(apart)} accounts follow from their fills",
        "positions and postings as the fills make them",
        wrong,
    )


def _accounts(connection: Connection) -> list[str]:
    rows = connection.execute(
        "SELECT account FROM fills UNION SELECT account FROM positions ORDER BY 1"
    ).fetchall()
    return [str(account) for (account,) in rows]
