"""The day's profit and loss: computed anew from fills and activities, then frozen for good."""

from collections.abc import Iterable
from decimal import Decimal

from tasks.kernel import Change, Unchanged, action
from trading_core.broker.contract import TradingApi
from trading_core.clock import seconds
from trading_core.domain.positions import Position
from trading_core.domain.shares import Shares
from trading_core.errors import InvariantViolated
from trading_core.ledger.day import profit_of_day
from trading_core.ledger.rebuild import rebuilt
from trading_core.ledger.session import Session
from trading_core.storage.connect import Database
from trading_core.storage.trading import activities, pnl, positions
from trading_core.storage.trading.pnl import DailyPnl, DayMark


@action
def ensure_pnl_frozen(
    database: Database, broker: TradingApi, day: Session
) -> Change[DailyPnl] | Unchanged[DailyPnl]:
    """Compute the day's P&L from all that happened at the closing prices, and make it final.

    Raises:
        InvariantViolated: The positions of our books are not what our fills and activities make.
    """
    found = _of_day(database, day)
    if found.frozen_at is not None:
        return Unchanged(f"P&L of {day} was frozen at {_dollars(found.total_pnl_usd)}", found)
    mark = closing_mark(database, broker, day)

    def freeze(_fence: int) -> DailyPnl:
        with database.transaction() as connection:
            pnl.mark_day(connection, day.account, day.trading_date, mark)
            frozen = pnl.freeze_day(connection, day.account, day.trading_date)
            assert frozen is not None, "it was read a moment ago"
            return frozen

    def holds() -> bool:
        row = _of_day(database, day)
        return row.frozen_at is not None and row.total_pnl_usd == mark.total_pnl_usd

    return Change(
        does=f"freeze the P&L of {day} at {_dollars(mark.total_pnl_usd)}",
        act=freeze,
        holds=holds,
        within=seconds(5),
        facts={
            "total_pnl_usd": mark.total_pnl_usd,
            "realized_pnl_usd": mark.realized_pnl_usd,
            "unrealized_pnl_usd": mark.unrealized_pnl_usd,
            "trade_count": mark.trade_count,
        },
    )


def closing_mark(database: Database, broker: TradingApi, day: Session) -> DayMark:
    """Return the day's profit at the broker's prices of this moment.

    Raises:
        InvariantViolated: The positions of our books are not what our fills and activities make.
    """
    prices_usd = {one.symbol: one.current_price_usd for one in broker.positions()}
    with database.transaction() as connection:
        marked = positions.of_account(connection, day.account)
        told = activities.history(connection, day.account)
        trades, winning, losing = pnl.closings_of_day(connection, day.account, day.trading_date)
    made = rebuilt(told).positions
    if _in_sum(made.values()) != _in_sum(one.position for one in marked):
        raise InvariantViolated(
            f"positions of {day}: expected what {len(told)} fills and activities make, was not",
            next_step="halt trading; compare positions and fills with the last verified backup",
        )
    profit = profit_of_day(_of_day(database, day).start, made.values(), prices_usd)
    return DayMark(
        realized_pnl_usd=profit.realized_usd,
        unrealized_pnl_usd=profit.unrealized_usd,
        total_pnl_usd=profit.total_usd,
        trade_count=trades,
        winning_trades=winning,
        losing_trades=losing,
        marked_at=broker.clock().now,
    )


def _in_sum(held: Iterable[Position]) -> dict[str, tuple[Shares, Decimal]]:
    """Return what no order of recording can change: shares, and money that changed hands."""
    return {
        one.symbol: (one.quantity, one.realized_pnl_usd - one.cost_basis_usd)
        for one in held
        if one.quantity or one.realized_pnl_usd or one.cost_basis_usd
    }


def _of_day(database: Database, day: Session) -> DailyPnl:
    with database.transaction() as connection:
        found = pnl.of_day(connection, day.account, day.trading_date)
    if found is None:
        raise InvariantViolated(
            f"daily_pnl of {day}: expected a row, found none although the books were compared",
            next_step="stop; compare the database with its last backup",
        )
    return found


def _dollars(amount_usd: Decimal) -> str:
    return f"{'-' if amount_usd < 0 else ''}${abs(amount_usd):,.2f}"
