"""What strategies saw and decided over many days: minutes' returns, signals, outcomes."""

from dataclasses import dataclass
from datetime import date

from psycopg import Connection

_DAYS = """
    WITH newest AS (SELECT account FROM trading_days ORDER BY trading_date DESC LIMIT 1)
    SELECT DISTINCT o.account, o.trading_date, d.source
    FROM orders o JOIN newest USING (account)
    JOIN trading_days d USING (account, trading_date)
    ORDER BY o.trading_date DESC LIMIT %s
"""
# Every order a strategy asked for is a signal of its, whatever became of it.
_SIGNALS = """
    SELECT strategy, symbol, side FROM orders
    WHERE account = %s AND trading_date BETWEEN %s AND %s ORDER BY signal_at, client_order_id
"""
_OUTCOMES = """
    SELECT o.strategy, count(*) FILTER (WHERE f.closed_pnl_usd > 0), count(*)
    FROM fills f JOIN orders o USING (client_order_id)
    WHERE f.account = %s AND f.trading_date BETWEEN %s AND %s AND f.closed_pnl_usd IS NOT NULL
    GROUP BY o.strategy
"""
_RETURNS = """
    SELECT symbol, ln(close_usd / before)::double precision FROM (
        SELECT symbol, close_usd, lag(close_usd) OVER (
            PARTITION BY symbol, (started_at AT TIME ZONE 'America/New_York')::date
            ORDER BY started_at
        ) AS before
        FROM bars
        WHERE source = %s AND symbol = ANY(%s)
          AND (started_at AT TIME ZONE 'America/New_York')::date BETWEEN %s AND %s
    ) AS minutes WHERE before > 0 AND close_usd > 0
"""


@dataclass(frozen=True, slots=True)
class Span:
    """Trading days of one account, from the first to the last, both included."""

    account: str
    source: str
    first: date
    last: date
    days: int


def spans(connection: Connection, recent: int, reference: int) -> tuple[Span | None, Span | None]:
    """Return the newest days that had an order, and those before them; None: there are none."""
    found = connection.execute(_DAYS, (recent + reference,)).fetchall()
    return _span(found[:recent]), _span(found[recent:])


def signals(connection: Connection, span: Span) -> dict[str, list[tuple[str, str]]]:
    """Return symbol and side of every signal, by strategy, in time order."""
    by_strategy: dict[str, list[tuple[str, str]]] = {}
    values = (span.account, span.first, span.last)
    for strategy, symbol, side in connection.execute(_SIGNALS, values):
        by_strategy.setdefault(str(strategy), []).append((str(symbol), str(side)))
    return by_strategy


def outcomes(connection: Connection, span: Span) -> dict[str, tuple[int, int]]:
    """Return how many closings won and how many there were, by strategy."""
    values = (span.account, span.first, span.last)
    return {
        str(name): (int(won), int(of)) for name, won, of in connection.execute(_OUTCOMES, values)
    }


def returns(connection: Connection, span: Span, symbols: list[str]) -> dict[str, list[float]]:
    """Return the log returns from minute to minute within each day, by symbol."""
    by_symbol: dict[str, list[float]] = {}
    values = (span.source, symbols, span.first, span.last)
    for symbol, value in connection.execute(_RETURNS, values):
        by_symbol.setdefault(str(symbol), []).append(float(value))
    return by_symbol


def _span(rows: list[tuple[str, date, str]]) -> Span | None:
    if not rows:
        return None
    account, last, source = rows[0]
    return Span(account, source, rows[-1][1], last, len(rows))
