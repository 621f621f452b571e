"""How fast orders went: percentiles over several days, by nearest rank."""

from dataclasses import dataclass
from datetime import date

from psycopg import Connection
from psycopg.rows import class_row

_OF_PERIOD = """
    SELECT count(acknowledge_us) AS acknowledged,
           percentile_disc(0.95) WITHIN GROUP (ORDER BY acknowledge_us) / 1e6::double precision
               AS acknowledge_p95_seconds,
           count(risk_check_ns) AS checked,
           percentile_disc(0.99) WITHIN GROUP (ORDER BY risk_check_ns) / 1e9::double precision
               AS risk_check_p99_seconds,
           count(first_fill_at) AS executed,
           percentile_disc(0.95) WITHIN GROUP (
               ORDER BY extract(epoch FROM first_fill_at - sent_at)::double precision
           ) AS execution_p95_seconds
    FROM orders
    LEFT JOIN LATERAL (
        SELECT min(recorded_at) AS first_fill_at FROM fills
        -- One that was missed and caught up with tells when we asked, not when it came.
        WHERE fills.client_order_id = orders.client_order_id AND fills.source = 'stream'
          AND orders.type = 'market'
    ) AS filled ON true
    WHERE account = %s AND trading_date BETWEEN %s AND %s
"""


@dataclass(frozen=True, slots=True)
class Latencies:
    """Percentiles in seconds, and of how many orders; None where there are none.

    Attributes:
        acknowledge_p95_seconds: Order sent to the exchange's answer.
        risk_check_p99_seconds: Of the pre-trade check.
        execution_p95_seconds: Market order sent to its first fill in our books.
    """

    acknowledged: int
    acknowledge_p95_seconds: float | None
    checked: int
    risk_check_p99_seconds: float | None
    executed: int
    execution_p95_seconds: float | None


def of_period(connection: Connection, account: str, starts: date, ends: date) -> Latencies:
    """Return the latencies of the trading days from `starts` to `ends`, both included."""
    with connection.cursor(row_factory=class_row(Latencies)) as cursor:
        found = cursor.execute(_OF_PERIOD, (account, starts, ends)).fetchone()
    assert found is not None, "an aggregate has a row"
    return found
