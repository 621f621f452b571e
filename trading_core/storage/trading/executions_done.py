"""Every filled order of many days beside the market, as `performance.execution` holds one order.

The bars of a month are too many to be fetched for it: PostgreSQL finds each order's arrival price
and the volume-weighted price of its minutes where they lie.
"""

from datetime import date

from psycopg import Connection

from trading_core.domain.orders import Side
from trading_core.performance.execution import Execution

_DONE = """
    SELECT o.strategy, o.symbol, o.side, done.quantity, done.average_usd,
           arrival.close_usd, worked.vwap_usd
    FROM orders o
    JOIN trading_days d USING (account, trading_date)
    CROSS JOIN LATERAL (
        SELECT o.trading_date::timestamp AT TIME ZONE 'America/New_York' AS starts
    ) AS day
    JOIN LATERAL (
        SELECT sum(quantity) AS quantity, sum(quantity * price_usd) / sum(quantity) AS average_usd,
               max(executed_at) AS last_at
        FROM fills WHERE client_order_id = o.client_order_id
    ) AS done ON done.quantity > 0
    LEFT JOIN LATERAL (
        SELECT close_usd FROM bars
        WHERE source = d.source AND symbol = o.symbol AND started_at >= day.starts
          AND started_at <= o.signal_at - interval '1 minute'
        ORDER BY started_at DESC LIMIT 1
    ) AS arrival ON true
    LEFT JOIN LATERAL (
        SELECT sum((high_usd + low_usd + close_usd) * volume) / nullif(sum(volume), 0) / 3
                   AS vwap_usd
        FROM bars
        WHERE source = d.source AND symbol = o.symbol AND started_at >= day.starts
          AND started_at > o.signal_at - interval '1 minute' AND started_at <= done.last_at
    ) AS worked ON true
    WHERE o.account = %s AND o.trading_date BETWEEN %s AND %s
    ORDER BY o.signal_at, o.client_order_id
"""


def between(connection: Connection, account: str, first: date, last: date) -> list[Execution]:
    """Return the filled orders of the trading days from `first` to `last`, both included."""
    return [
        Execution(strategy, symbol, Side(side), quantity, average_usd, arrival_usd, vwap_usd)
        for strategy, symbol, side, quantity, average_usd, arrival_usd, vwap_usd in (
            connection.execute(_DONE, (account, first, last))
        )
    ]
