"""The day's profit and loss: begun once, marked each minute, frozen at the close."""

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from psycopg import Connection
from psycopg.rows import class_row

_COLUMNS = (
    "account, trading_date, start_equity_usd, start_realized_usd, start_unrealized_usd,"
    " realized_pnl_usd, unrealized_pnl_usd, total_pnl_usd, trade_count, winning_trades,"
    " losing_trades, marked_at, frozen_at"
)


@dataclass(frozen=True, slots=True)
class DayStart:
    """Where a day begins, in dollars. Profit of the day is counted from here.

    Attributes:
        equity_usd: The account's equity at the last session's close.
        realized_usd: Sum over all positions of what they had realised.
        unrealized_usd: What open shares were worth above their cost at that close.
    """

    equity_usd: Decimal
    realized_usd: Decimal
    unrealized_usd: Decimal


@dataclass(frozen=True, slots=True)
class DayMark:
    """The day's profit at one moment of market time, in cents exactly.

    Attributes:
        trade_count: Fills.
        winning_trades: Fills that closed shares at a profit; `losing_trades` at a loss.
    """

    realized_pnl_usd: Decimal
    unrealized_pnl_usd: Decimal
    total_pnl_usd: Decimal
    trade_count: int
    winning_trades: int
    losing_trades: int
    marked_at: datetime


@dataclass(frozen=True, slots=True)
class DailyPnl:
    """One row of `daily_pnl`. `frozen_at` is wall time; once it is set the row is final."""

    account: str
    trading_date: date
    start_equity_usd: Decimal
    start_realized_usd: Decimal
    start_unrealized_usd: Decimal
    realized_pnl_usd: Decimal
    unrealized_pnl_usd: Decimal
    total_pnl_usd: Decimal
    trade_count: int
    winning_trades: int
    losing_trades: int
    marked_at: datetime | None
    frozen_at: datetime | None

    @property
    def start(self) -> DayStart:
        """Where the day began."""
        return DayStart(self.start_equity_usd, self.start_realized_usd, self.start_unrealized_usd)


@dataclass(frozen=True, slots=True)
class EquityPoint:
    """Equity and profit of the day at one moment of market time, in dollars."""

    at: datetime
    equity_usd: Decimal
    total_pnl_usd: Decimal


def begin_day(connection: Connection, account: str, trading_date: date, start: DayStart) -> bool:
    """Write down where a day begins; return False, changing nothing, when it has begun before."""
    begun = connection.execute(
        "INSERT INTO daily_pnl (account, trading_date, start_equity_usd, start_realized_usd,"
        " start_unrealized_usd) VALUES (%s, %s, %s, %s, %s)"
        " ON CONFLICT (account, trading_date) DO NOTHING",
        (account, trading_date, start.equity_usd, start.realized_usd, start.unrealized_usd),
    )
    return begun.rowcount == 1


def mark_day(connection: Connection, account: str, trading_date: date, mark: DayMark) -> bool:
    """Write the day's profit and its point of the equity curve.

    Marking one moment again replaces it. Returns False, changing nothing, when the day is frozen
    or was marked at a later moment.
    """
    marked = connection.execute(
        "UPDATE daily_pnl SET realized_pnl_usd = %s, unrealized_pnl_usd = %s, total_pnl_usd = %s,"
        " trade_count = %s, winning_trades = %s, losing_trades = %s, marked_at = %s"
        " WHERE account = %s AND trading_date = %s AND frozen_at IS NULL"
        " AND (marked_at IS NULL OR marked_at <= %s) RETURNING start_equity_usd",
        (
            mark.realized_pnl_usd,
            mark.unrealized_pnl_usd,
            mark.total_pnl_usd,
            mark.trade_count,
            mark.winning_trades,
            mark.losing_trades,
            mark.marked_at,
            account,
            trading_date,
            mark.marked_at,
        ),
    ).fetchone()
    if marked is None:
        return False
    connection.execute(
        "INSERT INTO equity_curve (account, trading_date, at, equity_usd, total_pnl_usd)"
        " VALUES (%(account)s, %(date)s, %(at)s, %(equity)s, %(total)s)"
        " ON CONFLICT (account, trading_date, at)"
        " DO UPDATE SET equity_usd = %(equity)s, total_pnl_usd = %(total)s",
        {
            "account": account,
            "date": trading_date,
            "at": mark.marked_at,
            "equity": marked[0] + mark.total_pnl_usd,
            "total": mark.total_pnl_usd,
        },
    )
    return True


def freeze_day(connection: Connection, account: str, trading_date: date) -> DailyPnl | None:
    """Make the day final and return it; frozen already: unchanged; None: it never began."""
    connection.execute(
        "UPDATE daily_pnl SET frozen_at = clock_timestamp()"
        " WHERE account = %s AND trading_date = %s AND frozen_at IS NULL",
        (account, trading_date),
    )
    return of_day(connection, account, trading_date)


def of_day(connection: Connection, account: str, trading_date: date) -> DailyPnl | None:
    """Return the day's profit and loss, or None when the day has not begun."""
    with connection.cursor(row_factory=class_row(DailyPnl)) as cursor:
        cursor.execute(
            f"SELECT {_COLUMNS} FROM daily_pnl WHERE account = %s AND trading_date = %s",
            (account, trading_date),
        )
        return cursor.fetchone()


def newest(connection: Connection, account: str) -> DailyPnl | None:
    """Return the account's last day, or None."""
    with connection.cursor(row_factory=class_row(DailyPnl)) as cursor:
        cursor.execute(
            f"SELECT {_COLUMNS} FROM daily_pnl WHERE account = %s"
            " ORDER BY trading_date DESC LIMIT 1",
            (account,),
        )
        return cursor.fetchone()


def equity_curve(connection: Connection, account: str, trading_date: date) -> list[EquityPoint]:
    """Return the day's equity, minute by minute."""
    with connection.cursor(row_factory=class_row(EquityPoint)) as cursor:
        cursor.execute(
            "SELECT at, equity_usd, total_pnl_usd FROM equity_curve"
            " WHERE account = %s AND trading_date = %s ORDER BY at",
            (account, trading_date),
        )
        return cursor.fetchall()


def closings_of_day(
    connection: Connection, account: str, trading_date: date
) -> tuple[int, int, int]:
    """Return the day's number of fills, and of those that closed at a profit and at a loss."""
    row = connection.execute(
        "SELECT count(*), count(*) FILTER (WHERE closed_pnl_usd > 0),"
        " count(*) FILTER (WHERE closed_pnl_usd < 0)"
        " FROM fills WHERE account = %s AND trading_date = %s",
        (account, trading_date),
    ).fetchone()
    assert row is not None, "an aggregate has a row"
    return row[0], row[1], row[2]


def closed_of_day(connection: Connection, account: str, trading_date: date) -> Decimal:
    """Return what the day's fills realised, in dollars."""
    row = connection.execute(
        "SELECT coalesce(sum(closed_pnl_usd), 0) FROM fills"
        " WHERE account = %s AND trading_date = %s",
        (account, trading_date),
    ).fetchone()
    assert row is not None, "an aggregate has a row"
    return Decimal(row[0])
