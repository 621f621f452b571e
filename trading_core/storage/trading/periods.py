"""Several trading days of one account at once: what reports over a week or a month are made of."""

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from psycopg import Connection
from psycopg.rows import class_row, dict_row

from trading_core.domain.fills import Fill
from trading_core.domain.orders import Side
from trading_core.ledger.session import start_of_date

_DAYS = """
    SELECT days.trading_date, days.source, days.opened_at, days.closed_at,
           pnl.start_equity_usd, pnl.total_pnl_usd,
           coalesce(pnl.frozen_at IS NOT NULL, false) AS is_frozen,
           coalesce(pnl.trade_count, 0) AS fill_count,
           placed.orders, placed.sent, placed.filled, placed.refused,
           compared.break_count AS breaks
    FROM trading_days AS days
    LEFT JOIN daily_pnl AS pnl USING (account, trading_date)
    LEFT JOIN reconciliations AS compared USING (account, trading_date)
    CROSS JOIN LATERAL (
        SELECT count(*) AS orders,
               count(*) FILTER (WHERE status NOT IN ('rejected', 'intended')) AS sent,
               count(*) FILTER (WHERE status = 'filled') AS filled,
               count(*) FILTER (WHERE status = 'rejected') AS refused
        FROM orders WHERE account = days.account AND trading_date = days.trading_date
    ) AS placed
    WHERE days.account = %s AND days.trading_date BETWEEN %s AND %s
    ORDER BY days.trading_date
"""


@dataclass(frozen=True, slots=True)
class PeriodDay:
    """One trading day of a period. Wall times; dollars.

    Attributes:
        source: Where its market came from: bars or synthetic.
        start_equity_usd: None when the day has no P&L yet; `total_pnl_usd` too.
        breaks: None when the books were not compared.
    """

    trading_date: date
    source: str
    opened_at: datetime
    closed_at: datetime | None
    start_equity_usd: Decimal | None
    total_pnl_usd: Decimal | None
    is_frozen: bool
    fill_count: int
    orders: int
    sent: int
    filled: int
    refused: int
    breaks: int | None

    @property
    def daily_return(self) -> float | None:
        """The day's profit over the equity it began with; None without either."""
        if not self.start_equity_usd or self.total_pnl_usd is None:
            return None
        return float(self.total_pnl_usd / self.start_equity_usd)


def newest_day(connection: Connection, until: date | None = None) -> tuple[str, date] | None:
    """Return account and date of the newest trading day, of those not after `until`; or None."""
    row = connection.execute(
        "SELECT account, trading_date FROM trading_days"
        " WHERE %(until)s::date IS NULL OR trading_date <= %(until)s"
        " ORDER BY trading_date DESC, opened_at DESC LIMIT 1",
        {"until": until},
    ).fetchone()
    return None if row is None else (row[0], row[1])


def next_opening(connection: Connection, account: str, ends: date) -> datetime | None:
    """Return when the account's first day after a date was opened; None: none was yet."""
    row = connection.execute(
        "SELECT min(opened_at) FROM trading_days WHERE account = %s AND trading_date > %s",
        (account, ends),
    ).fetchone()
    assert row is not None, "an aggregate has a row"
    opened_at: datetime | None = row[0]
    return opened_at


def days_between(
    connection: Connection, account: str, starts: date, ends: date
) -> tuple[PeriodDay, ...]:
    """Return the account's trading days from `starts` to `ends`, both included."""
    with connection.cursor(row_factory=class_row(PeriodDay)) as cursor:
        return tuple(cursor.execute(_DAYS, (account, starts, ends)).fetchall())


def fills_until(connection: Connection, account: str, ends: date) -> list[tuple[str, Fill]]:
    """Return all fills up to a date, it included, each with the strategy whose order it filled."""
    with connection.cursor(row_factory=dict_row) as cursor:
        rows = cursor.execute(
            "SELECT strategy, execution_id, client_order_id, fills.symbol, fills.side,"
            " fills.quantity, price_usd, executed_at FROM fills JOIN orders USING (client_order_id)"
            " WHERE fills.account = %s AND fills.trading_date <= %s"
            " ORDER BY executed_at, fills.recorded_at, execution_id",
            (account, ends),
        ).fetchall()
    return [(row.pop("strategy"), Fill(**{**row, "side": Side(row["side"])})) for row in rows]


def buy_and_hold_return(
    connection: Connection, symbol: str, source: str, starts: date, ends: date
) -> float | None:
    """Return what holding a symbol earned from the first bar's open to the last bar's close.

    A plain ratio; None when there is no bar of it.
    """
    row = connection.execute(
        "SELECT (array_agg(open_usd ORDER BY started_at))[1],"
        " (array_agg(close_usd ORDER BY started_at DESC))[1] FROM bars"
        " WHERE source = %s AND symbol = %s AND started_at >= %s"
        " AND started_at < %s::timestamptz + interval '1 day'",
        (source, symbol, start_of_date(starts), start_of_date(ends)),
    ).fetchone()
    assert row is not None, "an aggregate has a row"
    return None if not row[0] else float(row[1] / row[0]) - 1
