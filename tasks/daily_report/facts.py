"""What the daily report knows about one account on one trading day: plain facts, nothing derived.

Money in dollars, times aware. "Market time" is the exchange's, "wall time" the machine's: in a
replay they are years apart.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum

from trading_core.domain.fills import Fill
from trading_core.domain.market import Bar
from trading_core.domain.orders import OrderStatus, OrderType, Side
from trading_core.domain.shares import Shares
from trading_core.reconciliation.lifecycle import KeptBreak
from trading_core.storage.operations.day_backups import DayBackup
from trading_core.storage.operations.happenings import NOTHING, Happenings
from trading_core.storage.trading.pnl import DailyPnl, EquityPoint
from trading_core.storage.trading.positions import MarkedPosition


class Source(StrEnum):
    """Where the day's market came from."""

    BARS = "bars"
    SYNTHETIC = "synthetic"


class Severity(StrEnum):
    """How loudly a risk event speaks."""

    INFO = "info"
    WARNING = "warning"
    CRITICAL = "critical"


@dataclass(frozen=True, slots=True)
class DayOrder:
    """An order of the day, refused ones included.

    Attributes:
        signal_at: Market time of the signal behind it.
        risk_check_ns: Time of the pre-trade risk check; None when it never ran.
        acknowledge_us: Round trip to the exchange; None when the order never left.
    """

    client_order_id: str
    strategy: str
    symbol: str
    side: Side
    type: OrderType
    quantity: Shares
    limit_price_usd: Decimal | None
    status: OrderStatus
    reason: str
    filled_quantity: Shares
    signal_at: datetime
    risk_check_ns: int | None
    acknowledge_us: int | None


@dataclass(frozen=True, slots=True)
class DayFill:
    """A fill of the day and the strategy whose order it filled."""

    fill: Fill
    strategy: str


@dataclass(frozen=True, slots=True)
class RiskEvent:
    """Something the core's own protection did or noticed. `occurred_at` is market time."""

    event_type: str
    severity: Severity
    message: str
    occurred_at: datetime


@dataclass(frozen=True, slots=True)
class Break:
    """One disagreement between our books and the exchange's."""

    kind: str
    subject: str
    ours: str
    theirs: str


@dataclass(frozen=True, slots=True)
class Reconciliation:
    """The comparison with the exchange: what was compared, and every break."""

    compared: Mapping[str, object]
    breaks: tuple[Break, ...]
    reconciled_at: datetime


@dataclass(frozen=True, slots=True)
class DailyFacts:
    """Everything the report shows about one account on one trading day.

    Attributes:
        closed_at: Wall time at which end-of-day closed the day; None while it is open.
        pnl: None when the day has no `daily_pnl` row.
        positions: As they were at the end of that day, flat ones too.
        marks: Last known price of each symbol, in dollars.
        risk_events: Newest first.
        bars: Minute bars of each symbol, in time order.
        break_records: Of breaks that were in the way of the day, as they stand now.
        happenings: Of the wall time from the day's opening to its close.
    """

    account: str
    trading_date: date
    source: Source
    closed_at: datetime | None
    pnl: DailyPnl | None
    equity: tuple[EquityPoint, ...]
    positions: tuple[MarkedPosition, ...]
    orders: tuple[DayOrder, ...]
    fills: tuple[DayFill, ...]
    marks: Mapping[str, Decimal]
    bars: Mapping[str, tuple[Bar, ...]]
    risk_events: tuple[RiskEvent, ...]
    reconciliation: Reconciliation | None
    backup: DayBackup | None
    break_records: tuple[KeptBreak, ...] = ()
    happenings: Happenings = NOTHING
