"""How strategies did, from the fills of their own orders: realised, so nothing is guessed."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from psycopg import Connection
from psycopg.rows import class_row


@dataclass(frozen=True, slots=True)
class StrategyDay:
    """One day of one strategy. Its profit is what its fills realised, in dollars.

    Attributes:
        closings: Fills that closed shares; `winning` of them at a profit, `losing` at a loss.
        start_equity_usd: Of the account; None when the day was never begun.
    """

    trading_date: date
    fills: int
    closings: int
    winning: int
    losing: int
    realized_pnl_usd: Decimal
    start_equity_usd: Decimal | None


@dataclass(frozen=True, slots=True)
class Trade:
    """One fill, with what it belongs to.

    Attributes:
        closed_pnl_usd: Profit of the shares it closed; None: it closed none.
        slippage_usd: What the fill cost against the limit price; None for a market order.
    """

    executed_at: datetime
    strategy: str
    symbol: str
    side: str
    quantity: int
    price_usd: Decimal
    closed_pnl_usd: Decimal | None
    slippage_usd: Decimal | None
    client_order_id: str


@dataclass(frozen=True, slots=True)
class Performance:
    """Days added up.

    Attributes:
        total_return: Realised profit over the equity the first day began with; a fraction.
        max_drawdown_usd: Deepest fall of the realised profit from its highest point.
        accuracy: Share of the closings that made a profit; None without any.
    """

    days: int
    fills: int
    closings: int
    realized_pnl_usd: Decimal
    total_return: Decimal | None
    max_drawdown_usd: Decimal
    accuracy: Decimal | None


def days_of(connection: Connection, strategy: str, days: int) -> list[StrategyDay]:
    """Return a strategy's last trading days that had a fill, the oldest first."""
    with connection.cursor(row_factory=class_row(StrategyDay)) as cursor:
        cursor.execute(
            "SELECT * FROM (SELECT f.trading_date, count(*) AS fills,"
            " count(f.closed_pnl_usd) AS closings,"
            " count(*) FILTER (WHERE f.closed_pnl_usd > 0) AS winning,"
            " count(*) FILTER (WHERE f.closed_pnl_usd < 0) AS losing,"
            " coalesce(sum(f.closed_pnl_usd), 0) AS realized_pnl_usd,"
            " min(d.start_equity_usd) AS start_equity_usd"
            " FROM fills f JOIN orders o USING (client_order_id)"
            " LEFT JOIN daily_pnl d ON d.account = f.account AND d.trading_date = f.trading_date"
            " WHERE o.strategy = %s GROUP BY f.trading_date"
            " ORDER BY f.trading_date DESC LIMIT %s) AS newest ORDER BY trading_date",
            (strategy, days),
        )
        return cursor.fetchall()


def performance_of(days: Sequence[StrategyDay]) -> Performance:
    """Add days up."""
    profit_usd = highest_usd = drawdown_usd = Decimal(0)
    for day in days:
        profit_usd += day.realized_pnl_usd
        highest_usd = max(highest_usd, profit_usd)
        drawdown_usd = max(drawdown_usd, highest_usd - profit_usd)
    closings = sum(day.closings for day in days)
    winning = sum(day.winning for day in days)
    start_usd = days[0].start_equity_usd if days else None
    return Performance(
        days=len(days),
        fills=sum(day.fills for day in days),
        closings=closings,
        realized_pnl_usd=profit_usd,
        total_return=_share(profit_usd, start_usd),
        max_drawdown_usd=drawdown_usd,
        accuracy=_share(Decimal(winning), Decimal(closings)),
    )


def trades_since(connection: Connection, since: datetime, limit: int) -> list[Trade]:
    """Return the fills after a moment of market time, the newest first."""
    with connection.cursor(row_factory=class_row(Trade)) as cursor:
        cursor.execute(
            "SELECT f.executed_at, o.strategy, f.symbol, f.side, f.quantity, f.price_usd,"
            " f.closed_pnl_usd, (f.price_usd - o.limit_price_usd) * f.quantity"
            " * CASE f.side WHEN 'buy' THEN 1 ELSE -1 END AS slippage_usd, f.client_order_id"
            " FROM fills f JOIN orders o USING (client_order_id)"
            " WHERE f.executed_at > %s ORDER BY f.executed_at DESC, f.execution_id LIMIT %s",
            (since, limit),
        )
        return cursor.fetchall()


def _share(part: Decimal, whole: Decimal | None) -> Decimal | None:
    return None if not whole else (part / whole).quantize(Decimal("0.000001"))
