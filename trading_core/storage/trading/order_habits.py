"""How a day's orders look as a whole: how many, how large, how many refused, of whom."""

from dataclasses import dataclass
from datetime import date

from psycopg import Connection
from psycopg.rows import class_row

_NEWEST = """
    WITH account AS (SELECT account FROM trading_days ORDER BY trading_date DESC LIMIT 1)
    SELECT o.trading_date, count(*) AS orders,
           (count(*) FILTER (WHERE o.status = 'rejected'))::double precision / count(*)
               AS refused_share,
           coalesce(max(f.worth_usd), 0)::double precision AS largest_usd,
           array_agg(DISTINCT o.symbol) AS symbols, array_agg(DISTINCT o.strategy) AS strategies
    FROM orders o JOIN account USING (account)
    LEFT JOIN LATERAL (
        SELECT sum(quantity * price_usd) AS worth_usd FROM fills
        WHERE fills.client_order_id = o.client_order_id
    ) AS f ON true
    GROUP BY o.trading_date ORDER BY o.trading_date DESC LIMIT %s
"""


@dataclass(frozen=True, slots=True)
class Habits:
    """The orders of one trading day of the account that traded last.

    Attributes:
        refused_share: Of all orders, those refused by us or by the exchange; 0 to 1.
        largest_usd: What the largest order traded, in dollars.
    """

    trading_date: date
    orders: int
    refused_share: float
    largest_usd: float
    symbols: list[str]
    strategies: list[str]


def newest_days(connection: Connection, count: int) -> list[Habits]:
    """Return the newest days that had an order, the newest first."""
    with connection.cursor(row_factory=class_row(Habits)) as cursor:
        return cursor.execute(_NEWEST, (count,)).fetchall()
