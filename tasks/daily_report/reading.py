"""Find the facts of one day in PostgreSQL, all of them in one snapshot."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any, LiteralString

from psycopg import Connection
from psycopg.rows import class_row, dict_row

from tasks.daily_report.facts import (
    Break,
    DailyFacts,
    DayFill,
    DayOrder,
    Reconciliation,
    RiskEvent,
    Severity,
    Source,
)
from trading_core.clock import EXCHANGE_ZONE
from trading_core.domain.activities import Activity
from trading_core.domain.fills import Fill
from trading_core.domain.market import Bar
from trading_core.domain.orders import OrderStatus, OrderType, Side
from trading_core.domain.shares import shares
from trading_core.errors import CheckFailed
from trading_core.ledger.rebuild import rebuilt
from trading_core.ledger.session import trading_date_of
from trading_core.storage.operations.day_backups import DayBackup
from trading_core.storage.operations.happenings import NOTHING, Happenings
from trading_core.storage.trading import (
    activities,
    breaks,
    days,
    pnl,
    positions,
    reconciliations,
)
from trading_core.storage.trading.positions import MarkedPosition


def read_facts(
    connection: Connection,
    account: str,
    trading_date: date,
    *,
    backup: DayBackup | None = None,
    happenings: Happenings = NOTHING,
) -> DailyFacts:
    """Return everything the report shows about one account's day.

    The answer is that day's whenever it is asked: later days do not leak into it.

    Args:
        connection: Without a transaction under way.
        backup: The day's, as the catalogue of the operations database has it; None: none.
        happenings: Of the day, as the operations database has them.

    Raises:
        CheckFailed: The account never opened that day.
    """
    with connection.transaction():
        connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        return _Reader(connection, account, trading_date).facts(backup, happenings)


@dataclass(frozen=True, slots=True)
class _Reader:
    connection: Connection
    account: str
    trading_date: date

    def facts(self, backup: DayBackup | None, happenings: Happenings) -> DailyFacts:
        day = days.find(self.connection, self.account, self.trading_date)
        if day is None:
            raise CheckFailed(
                f"report: expected {self.account} to have opened {self.trading_date}, found no"
                " such trading day",
                next_step="correct the account and the date; `trading_days` lists them",
            )
        bars = self._bars(day.source)
        marks = self._marks(bars)
        return DailyFacts(
            account=self.account,
            trading_date=self.trading_date,
            source=Source(day.source),
            closed_at=day.closed_at,
            pnl=pnl.of_day(self.connection, self.account, self.trading_date),
            equity=tuple(pnl.equity_curve(self.connection, self.account, self.trading_date)),
            positions=self._positions(marks),
            orders=self._orders(),
            fills=self._fills(),
            marks=marks,
            bars=bars,
            risk_events=self._risk_events(),
            reconciliation=self._reconciliation(),
            backup=backup,
            break_records=tuple(breaks.of_day(self.connection, self.account, self.trading_date)),
            happenings=happenings,
        )

    def _orders(self) -> tuple[DayOrder, ...]:
        rows = self._rows(
            "SELECT client_order_id, strategy, symbol, side, type, quantity, limit_price_usd,"
            " status, coalesce(refusal.message, reason) AS reason, filled_quantity, signal_at,"
            " risk_check_ns, acknowledge_us FROM orders"
            # The order keeps the code alone; what it was decided from is in the risk event.
            " LEFT JOIN LATERAL (SELECT message FROM risk_events"
            "   WHERE risk_events.account = orders.account AND occurred_at = signal_at"
            "   AND event_type = 'order_refused'"
            "   AND facts->>'client_order_id' = client_order_id LIMIT 1) refusal ON true"
            " WHERE account = %(account)s AND trading_date = %(trading_date)s"
            " ORDER BY signal_at, client_order_id"
        )
        return tuple(
            DayOrder(
                **{
                    **row,
                    "side": Side(row["side"]),
                    "type": OrderType(row["type"]),
                    "status": OrderStatus(row["status"]),
                    "quantity": shares(row["quantity"]),
                    "filled_quantity": shares(row["filled_quantity"]),
                }
            )
            for row in rows
        )

    def _fills(self) -> tuple[DayFill, ...]:
        rows = self._rows(
            "SELECT execution_id, client_order_id, fills.symbol, fills.side, fills.quantity,"
            " price_usd, executed_at, strategy FROM fills JOIN orders USING (client_order_id)"
            " WHERE fills.account = %(account)s AND fills.trading_date = %(trading_date)s"
            " ORDER BY executed_at, execution_id"
        )
        return tuple(
            DayFill(strategy=row.pop("strategy"), fill=Fill(**{**row, "side": Side(row["side"])}))
            for row in rows
        )

    def _positions(self, marks: Mapping[str, Decimal]) -> tuple[MarkedPosition, ...]:
        """Return what all up to this day made; the table `positions` only knows the last."""
        # The order in which the executor recorded them is the order that made the positions.
        held = rebuilt(
            event
            for event in activities.history(self.connection, self.account)
            if _day_of(event) <= self.trading_date
        ).positions
        return tuple(
            MarkedPosition(position, marks.get(symbol)) for symbol, position in sorted(held.items())
        )

    def _marks(self, bars: Mapping[str, tuple[Bar, ...]]) -> dict[str, Decimal]:
        """Return the day's last prices: those positions were valued at, else the last trades."""
        marks = {symbol: minutes[-1].close_usd for symbol, minutes in bars.items()}
        later = self._rows(
            "SELECT 1 FROM trading_days"
            " WHERE account = %(account)s AND trading_date > %(trading_date)s LIMIT 1"
        )
        if later:
            return marks
        for held in positions.of_account(self.connection, self.account):
            if held.price_usd is not None:
                marks[held.position.symbol] = held.price_usd
        return marks

    def _bars(self, source: str) -> dict[str, tuple[Bar, ...]]:
        bars: dict[str, list[Bar]] = defaultdict(list)
        with self.connection.cursor(row_factory=class_row(Bar)) as cursor:
            cursor.execute(
                "SELECT symbol, started_at, open_usd, high_usd, low_usd, close_usd, volume"
                " FROM bars WHERE source = %(source)s AND started_at >= %(starts)s"
                " AND started_at < %(ends)s ORDER BY symbol, started_at",
                {"source": source, **self._named()},
            )
            for bar in cursor:
                bars[bar.symbol].append(bar)
        return {symbol: tuple(minutes) for symbol, minutes in bars.items()}

    def _risk_events(self) -> tuple[RiskEvent, ...]:
        rows = self._rows(
            "SELECT event_type, severity, message, occurred_at FROM risk_events"
            " WHERE account = %(account)s AND occurred_at >= %(starts)s AND occurred_at < %(ends)s"
            " ORDER BY occurred_at DESC, id DESC"
        )
        return tuple(RiskEvent(**{**row, "severity": Severity(row["severity"])}) for row in rows)

    def _reconciliation(self) -> Reconciliation | None:
        kept = reconciliations.of_day(self.connection, self.account, self.trading_date)
        if kept is None:
            return None
        found = tuple(Break(**one) for one in kept.breaks)
        return Reconciliation(kept.compared, found, kept.reconciled_at)

    def _rows(self, query: LiteralString) -> list[dict[str, Any]]:
        with self.connection.cursor(row_factory=dict_row) as cursor:
            return cursor.execute(query, self._named()).fetchall()

    def _named(self) -> dict[str, object]:
        """The account, the day, and the first moments of it and of the next one."""
        starts = datetime.combine(self.trading_date, time(), EXCHANGE_ZONE)
        return {
            "account": self.account,
            "trading_date": self.trading_date,
            "starts": starts,
            "ends": starts + timedelta(days=1),
        }


def _day_of(event: Fill | Activity) -> date:
    return trading_date_of(event.executed_at) if isinstance(event, Fill) else event.on
