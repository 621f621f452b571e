"""The day's loss, watched: marked each minute, told to the executor, answered by the breaker.

Prices are asked of the exchange itself, whose quotes also value the account: the day's profit here
and the account's equity there can then be compared to the cent.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Protocol, get_args

import psycopg
import structlog
from psycopg import Connection

from trading_core.domain.market import Quote
from trading_core.domain.positions import Position
from trading_core.errors import CheckFailed, Unreachable
from trading_core.ledger.day import DayProfit, profit_of_day
from trading_core.ledger.session import Session
from trading_core.metrics import Metrics
from trading_core.risk.limits import LoadedLimits, LossLevel, RiskLimits
from trading_core.risk.stops import StopOrder, stop_orders
from trading_core.storage.connect import Database
from trading_core.storage.trading import breaks, orders, pnl, positions, risk
from trading_core.storage.trading.pnl import DailyPnl, DayMark
from trading_core.storage.trading.positions import MarkedPosition
from trading_core.storage.trading.risk import RiskEvent

log = structlog.get_logger(__name__)

_WORST_LAST: tuple[LossLevel, ...] = get_args(LossLevel)
_SEVERITY: dict[LossLevel, risk.Severity] = {
    "warning": "warning",
    "critical": "critical",
    "breaker": "critical",
}


class Quotes(Protocol):
    """Who knows the market."""

    def latest_quotes(self, symbols: Sequence[str]) -> Mapping[str, Quote]:
        """Return the newest quote of each symbol that has one."""
        ...


class OrderHand(Protocol):
    """Who sends orders, and can be told."""

    def breaker(self) -> str:
        """Return whether the breaker is OPEN or CLOSED."""
        ...

    def trip(self, reason: str) -> None:
        """Open the breaker; returns once no order can leave."""
        ...

    def tell(self, total_pnl_usd: Decimal) -> None:
        """Tell the day's profit in dollars, for the checks of orders."""
        ...

    def close(self, now: datetime, orders: Sequence[StopOrder]) -> None:
        """Send the orders of stop-losses, where orders may leave at all."""
        ...


@dataclass(frozen=True, slots=True)
class Marked:
    """The day at one moment. `level` is None when there are no limits to hold it against."""

    session: Session
    profit: DayProfit
    level: LossLevel | None


class RiskMonitor:
    """Marks the day of one account and acts on its loss."""

    def __init__(
        self, database: Database, quotes: Quotes, executor: OrderHand, metrics: Metrics
    ) -> None:
        self._database = database
        self._quotes = quotes
        self._executor = executor
        self._metrics = metrics
        self._loaded = LoadedLimits()
        metrics.gauge("reconciliation_breaks").set_function(self._open_breaks)

    def mark(self, session: Session, now: datetime) -> Marked:
        """Value every position at the market, write the day's profit down, and act on it.

        Marking a moment again is the same mark; the breaker is tripped once.

        Raises:
            Unreachable: Database, exchange or executor do not answer: mark again.
            CheckFailed: The day has not begun, or an open position has no price.
        """
        with self._database.transaction() as connection:
            day = _day(connection, session)
            held = positions.of_account(connection, session.account)
        prices_usd = self._prices_usd(held)
        profit = profit_of_day(day.start, [one.position for one in held], prices_usd)
        with self._database.transaction() as connection:
            limits = self._limits(connection, session, now)
            if limits is not None:
                limits = limits.on_equity(day.start.equity_usd)
            level = None if limits is None else limits.loss_level(profit.total_usd)
            positions.mark(connection, session.account, prices_usd)
            pnl.mark_day(
                connection,
                session.account,
                session.trading_date,
                _mark(connection, day, profit, now),
            )
            _note_level(connection, session, profit, level, now)
        self._executor.tell(profit.total_usd)
        if level == "breaker" and self._executor.breaker() != "OPEN":
            self._executor.trip(f"loss of the day reached {-profit.total_usd} USD")
        elif limits is not None and limits.position_loss_usd_max is not None:
            self._stop_losses(session, now, limits, prices_usd)
        self._measure(profit, held, prices_usd, limits, level)
        return Marked(session, profit, level)

    def _open_breaks(self) -> float:
        """Return how many are open now; not a number where nobody can count them: never 0."""
        try:
            with self._database.transaction() as connection:
                return breaks.open_count(connection)
        except (Unreachable, psycopg.Error):
            return math.nan

    def _prices_usd(self, held: Sequence[MarkedPosition]) -> dict[str, Decimal]:
        symbols = [one.position.symbol for one in held if one.position.quantity != 0]
        quotes = self._quotes.latest_quotes(symbols) if symbols else {}
        prices_usd: dict[str, Decimal] = {}
        for one in held:
            price_usd = _middle_usd(quotes.get(one.position.symbol)) or one.price_usd
            if price_usd is not None:
                prices_usd[one.position.symbol] = price_usd
        return prices_usd

    def _stop_losses(
        self,
        session: Session,
        now: datetime,
        limits: RiskLimits,
        prices_usd: Mapping[str, Decimal],
    ) -> None:
        with self._database.transaction() as connection:
            found = stop_orders(
                limits,
                positions.of_account(connection, session.account),
                prices_usd,
                positions.by_strategy(connection, session.account),
                orders.open_orders(connection, session.account),
            )
            for order in found:
                _note_stop(connection, session, order, now)
        if found:
            self._executor.close(now, found)

    def _limits(self, connection: Connection, session: Session, now: datetime) -> RiskLimits | None:
        before = self._loaded.version
        found = self._loaded.newest(connection)
        if found is None:
            log.error("no risk limits: the day's loss is held against nothing")
            return None
        version, limits = found
        if before is not None and before.version != version.version:
            # A temporary version that has ended says so here: nobody did anything.
            message = f"limits: version {version.version} is in force instead of {before.version}"
            facts = {"limits_version": version.version, "before": before.version}
            event = RiskEvent(session.account, "limits", "info", message, facts, now)
            risk.append(connection, event)
        return limits

    def _measure(
        self,
        profit: DayProfit,
        held: Sequence[MarkedPosition],
        prices_usd: Mapping[str, Decimal],
        limits: RiskLimits | None,
        level: LossLevel | None,
    ) -> None:
        gauge = self._metrics.gauge
        gauge("current_daily_pnl_usd").set(float(profit.total_usd))
        # Held against nothing, a loss has no level: not the best one.
        gauge("daily_loss_level").set(math.nan if level is None else _WORST_LAST.index(level))
        gauge("trading_realized_pnl_total").set(float(profit.realized_usd))
        gauge("trading_unrealized_pnl").set(float(profit.unrealized_usd))
        gauge("trading_open_positions").set(sum(one.position.quantity != 0 for one in held))
        for one in held:
            position = one.position
            price_usd = prices_usd.get(position.symbol, Decimal(0))
            unrealized_usd = position.unrealized_pnl_usd(price_usd) if position.quantity else 0
            size = gauge("trading_position_size").labels(position.symbol)
            size.set(float(position.quantity * price_usd))
            gauge("position_unrealized_pnl_usd").labels(position.symbol).set(float(unrealized_usd))
        in_use = gauge("position_limit_in_use_ratio")
        in_use.clear()  # what an account before this one held is nobody's any more
        if limits is not None:
            gauge("risk_max_position_size").set(float(limits.position_notional_usd_max))
            for one in held:
                price_usd = prices_usd.get(one.position.symbol, Decimal(0))
                used = _limit_in_use(one.position, price_usd, limits)
                in_use.labels(one.position.symbol).set(used)


def _limit_in_use(position: Position, price_usd: Decimal, limits: RiskLimits) -> float:
    """Return how much of its limit a position is: of dollars or of shares, whichever is more."""
    shares = abs(Decimal(position.quantity))
    of_dollars = shares * price_usd / limits.position_notional_usd_max
    return float(max(of_dollars, shares / limits.position_quantity_max))


def _day(connection: Connection, session: Session) -> DailyPnl:
    day = pnl.of_day(connection, session.account, session.trading_date)
    if day is None:
        raise CheckFailed(
            f"day of {session}: expected to have begun, has no row in daily_pnl",
            next_step="settle first: the executor begins the day",
        )
    return day


def _mark(connection: Connection, day: DailyPnl, profit: DayProfit, now: datetime) -> DayMark:
    fills, winning, losing = pnl.closings_of_day(connection, day.account, day.trading_date)
    return DayMark(
        realized_pnl_usd=profit.realized_usd,
        unrealized_pnl_usd=profit.unrealized_usd,
        total_pnl_usd=profit.total_usd,
        trade_count=fills,
        winning_trades=winning,
        losing_trades=losing,
        marked_at=now,
    )


def _note_level(
    connection: Connection,
    session: Session,
    profit: DayProfit,
    level: LossLevel | None,
    now: datetime,
) -> None:
    # Each level of a day is written down once, when it is first reached.
    if level is None or level not in _SEVERITY:
        return
    key: dict[str, Any] = {"level": level, "trading_date": session.trading_date.isoformat()}
    if risk.is_recorded(connection, session.account, "daily_loss", key):
        return
    message = f"loss of the day reached {level}: {-profit.total_usd} USD"
    log.warning("daily loss", level=level, total_pnl_usd=str(profit.total_usd))
    facts = {**key, "total_pnl_usd": str(profit.total_usd)}
    risk.append(
        connection,
        RiskEvent(session.account, "daily_loss", _SEVERITY[level], message, facts, now),
    )


def _note_stop(connection: Connection, session: Session, order: StopOrder, now: datetime) -> None:
    facts = {
        "symbol": order.symbol,
        "strategy": order.strategy,
        "sequence": order.sequence,
        "at": now.isoformat(),
    }
    if risk.is_recorded(connection, session.account, "stop_loss", facts):
        return
    message = (
        f"{order.symbol} lost {order.loss_usd} USD: {order.side} {order.quantity} "
        f"of {order.strategy}"
    )
    log.warning("stop-loss", symbol=order.symbol, loss_usd=str(order.loss_usd))
    more = {**facts, "quantity": order.quantity, "loss_usd": str(order.loss_usd)}
    event = RiskEvent(session.account, "stop_loss", "critical", message, more, now)
    risk.append(connection, event)


def _middle_usd(quote: Quote | None) -> Decimal | None:
    # As the exchange marks: a quote with one side only moves no mark.
    if quote is None or quote.bid_usd <= 0 or quote.ask_usd <= 0:
        return None
    return quote.mid_usd
