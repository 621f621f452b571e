"""The facts as tables: the same rows for the page and for Prefect's table artifacts.

A cell keeps its value until it is shown, so that the page can colour a loss and an artifact can
print it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import Enum

from tasks.daily_report import figures, wording
from tasks.daily_report.facts import DailyFacts, Severity
from trading_core.storage.trading.positions import MarkedPosition

# The newest of the day; the rest is in the table risk_events (DAY-04, line 5).
RISK_EVENTS_MAX = 20

Value = Decimal | int | str | datetime | None


class Kind(Enum):
    """How the values of a column read."""

    TEXT = "text"
    COUNT = "count"
    MONEY = "money"
    CHANGE = "change"
    PRICE = "price"
    MARKET_TIME = "market_time"
    SEVERITY = "severity"
    FIGURE = "figure"  # already in words, with its unit


@dataclass(frozen=True, slots=True)
class Column:
    """One column. A `secondary` one is left out where the screen is narrow."""

    title: str
    kind: Kind = Kind.TEXT
    secondary: bool = False

    def text(self, value: Value) -> str:
        """Return a value as it is shown; a dash when there is none."""
        match value:
            case None | "":
                return wording.ABSENT
            case Decimal():
                return _MONEY[self.kind](value)
            case datetime():
                return wording.market_time(value)
            case int():
                return wording.count(value)
        return value

    def tone(self, value: Value) -> str:
        """Return the page's word for what a value means: `gain`, `loss`, `warning`, `critical`."""
        if self.kind is Kind.CHANGE and isinstance(value, Decimal) and value:
            return "gain" if value > 0 else "loss"
        if self.kind is Kind.SEVERITY and value != Severity.INFO:
            return str(value)
        return ""

    @property
    def css(self) -> str:
        """The page's classes for every cell of the column: `n` for figures, set to the right."""
        return " ".join(["n"] * (self.kind in _FIGURES) + ["secondary"] * self.secondary)


@dataclass(frozen=True, slots=True)
class Table:
    """Rows under columns. `nothing` is the sentence that stands in for an empty table."""

    columns: tuple[Column, ...]
    rows: tuple[tuple[Value, ...], ...]
    nothing: str

    @property
    def largest_change_usd(self) -> Decimal:
        """The largest profit or loss in the table, without its sign: the length of a full bar."""
        changes = (
            abs(value)
            for row in self.rows
            for column, value in zip(self.columns, row, strict=True)
            if column.kind is Kind.CHANGE and isinstance(value, Decimal)
        )
        return max(changes, default=Decimal(0))

    def artifact(self) -> list[dict[str, str]]:
        """Return the rows as Prefect's table artifacts take them."""
        return [
            {
                column.title: column.text(value)
                for column, value in zip(self.columns, row, strict=True)
            }
            for row in self.rows
        ]


def summary(facts: DailyFacts) -> Table:
    """Return the day in a dozen lines."""
    pnl, session = facts.pnl, figures.extremes(facts)
    rows: list[tuple[str, str]] = [("Day", figures.standing(facts).value)]
    if pnl is not None:
        rows += [
            ("Total P&L", wording.change(pnl.total_pnl_usd)),
            ("Realized", wording.change(pnl.realized_pnl_usd)),
            ("Unrealized", wording.change(pnl.unrealized_pnl_usd)),
            (
                "Return on equity at the open",
                wording.percent(pnl.total_pnl_usd, pnl.start_equity_usd),
            ),
            ("Equity at the open", wording.money(pnl.start_equity_usd)),
            ("Trades", wording.count(pnl.trade_count)),
            ("Winning and losing", f"{pnl.winning_trades:,} and {pnl.losing_trades:,}"),
            ("Win rate of all trades", wording.percent(pnl.winning_trades, pnl.trade_count)),
        ]
    if session is not None:
        rows += [
            ("Equity at the last mark", wording.money(facts.equity[-1].equity_usd)),
            ("Deepest fall from a high", wording.money(figures.drawdown_usd(facts))),
        ]
    return Table(
        (Column("Figure"), Column("Value", Kind.FIGURE)), tuple(rows), "The day has no figures."
    )


def shares(facts: DailyFacts) -> Table:
    """Return the day's P&L by strategy and symbol, and what the day's fills do not explain."""
    rows: list[tuple[Value, ...]] = [
        (share.strategy, share.symbol, share.fill_count, share.traded_quantity, share.pnl_usd)
        for share in figures.shares(facts)
    ]
    if carried_usd := figures.carried_usd(facts):
        rows.append(("carried from earlier days, rounding", "", None, None, carried_usd))
    columns = (
        Column("Strategy"),
        Column("Symbol"),
        Column("Fills", Kind.COUNT, secondary=True),
        Column("Shares", Kind.COUNT, secondary=True),
        Column("P&L", Kind.CHANGE),
    )
    return Table(columns, tuple(rows), "Nothing was traded.")


def positions(facts: DailyFacts) -> Table:
    """Return the positions held at the end of the day."""
    columns = (
        Column("Symbol"),
        Column("Side", secondary=True),
        Column("Shares", Kind.COUNT),
        Column("Entry", Kind.PRICE, secondary=True),
        Column("Last", Kind.PRICE),
        Column("Value", Kind.MONEY, secondary=True),
        Column("Unrealized", Kind.CHANGE),
    )
    held = [_position_row(held) for held in facts.positions if held.position.quantity != 0]
    return Table(columns, tuple(held), "No position is held overnight.")


def fills(facts: DailyFacts) -> Table:
    """Return every fill of the day, in time order."""
    columns = (
        Column("Time", Kind.MARKET_TIME),
        Column("Strategy", secondary=True),
        Column("Symbol"),
        Column("Side"),
        Column("Shares", Kind.COUNT),
        Column("Price", Kind.PRICE),
        Column("Cash", Kind.CHANGE, secondary=True),
    )
    rows = [
        (
            done.fill.executed_at,
            done.strategy,
            done.fill.symbol,
            done.fill.side.value,
            done.fill.quantity,
            done.fill.price_usd,
            done.fill.cash_usd,
        )
        for done in facts.fills
    ]
    return Table(columns, tuple(rows), "Nothing was filled.")


def order_outcomes(facts: DailyFacts) -> Table:
    """Return how the day's orders ended, by status."""
    statuses = [order.status.value for order in facts.orders]
    rows = [
        (status.replace("_", " "), statuses.count(status)) for status in dict.fromkeys(statuses)
    ]
    rows.sort(key=lambda row: -row[1])
    columns = (Column("Ended as"), Column("Orders", Kind.COUNT))
    return Table(columns, tuple(rows), "No order was made.")


def refusals(facts: DailyFacts) -> Table:
    """Return the refused orders by reason, with one reason in full."""
    columns = (
        Column("Reason"),
        Column("Orders", Kind.COUNT),
        Column("For example", secondary=True),
    )
    rows = tuple(
        (refusal.code, refusal.count, refusal.example) for refusal in figures.refusals(facts)
    )
    return Table(columns, rows, "No order was refused.")


def refused_orders(facts: DailyFacts) -> Table:
    """Return every refused order and its reason in full."""
    columns = (
        Column("Time", Kind.MARKET_TIME),
        Column("Strategy", secondary=True),
        Column("Symbol"),
        Column("Side", secondary=True),
        Column("Shares", Kind.COUNT),
        Column("Reason"),
    )
    rows = [
        (
            order.signal_at,
            order.strategy,
            order.symbol,
            order.side.value,
            order.quantity,
            order.reason,
        )
        for order in figures.refused(facts)
    ]
    return Table(columns, tuple(rows), "No order was refused.")


def latencies(facts: DailyFacts) -> Table:
    """Return the percentiles of what was timed."""
    measured = {
        "Acknowledgement": figures.acknowledge_ns(facts),
        "Risk check": figures.risk_check_ns(facts),
    }
    rows: list[tuple[Value, ...]] = []
    for name, durations_ns in measured.items():
        if (spread := figures.distribution(durations_ns)) is not None:
            points_ns = (spread.p50_ns, spread.p95_ns, spread.p99_ns, spread.max_ns)
            rows.append((name, spread.count, *map(wording.duration, points_ns)))
    columns = (
        Column("Measured"),
        Column("Times", Kind.COUNT, secondary=True),
        Column("Median", Kind.FIGURE),
        Column("p95", Kind.FIGURE),
        Column("p99", Kind.FIGURE),
        Column("Longest", Kind.FIGURE, secondary=True),
    )
    return Table(columns, tuple(rows), "Nothing was timed.")


def risk_events(facts: DailyFacts) -> Table:
    """Return the newest risk events, newest first; refused orders have a table of their own."""
    columns = (
        Column("Time", Kind.MARKET_TIME),
        Column("Severity", Kind.SEVERITY),
        Column("Event", secondary=True),
        Column("What happened"),
    )
    rows = [
        (event.occurred_at, event.severity.value, event.event_type.replace("_", " "), event.message)
        for event in figures.own_risk_events(facts)[:RISK_EVENTS_MAX]
    ]
    return Table(columns, tuple(rows), "No risk event was recorded.")


def breaks(facts: DailyFacts) -> Table:
    """Return every disagreement with the exchange."""
    columns = (Column("Kind"), Column("Which"), Column("Ours"), Column("The exchange's"))
    found = facts.reconciliation.breaks if facts.reconciliation else ()
    rows = tuple((one.kind, one.subject, one.ours, one.theirs) for one in found)
    nothing = "Our books and the exchange's agree."
    return Table(columns, rows, nothing if facts.reconciliation else "Nothing was compared.")


def compared(facts: DailyFacts) -> str:
    """Return what was compared with the exchange, in words: `41 orders, 57 fills`."""
    counts = facts.reconciliation.compared if facts.reconciliation else {}
    return ", ".join(f"{_sides(value)} {kind.replace('_', ' ')}" for kind, value in counts.items())


def _sides(counted: object) -> str:
    """Both sides' counts are one number when they are equal."""
    if not isinstance(counted, Mapping):
        return str(counted)
    return " and ".join(dict.fromkeys(str(side) for side in counted.values()))


def _position_row(held: MarkedPosition) -> tuple[Value, ...]:
    position, price_usd = held.position, held.price_usd
    side = "long" if position.quantity > 0 else "short"
    worth = (
        (None, None)
        if price_usd is None
        else (
            position.quantity * price_usd,
            position.unrealized_pnl_usd(price_usd),
        )
    )
    return (position.symbol, side, position.quantity, position.entry_price_usd, price_usd, *worth)


_FIGURES = (Kind.COUNT, Kind.MONEY, Kind.CHANGE, Kind.PRICE, Kind.FIGURE)
_MONEY = {
    Kind.MONEY: wording.money,
    Kind.CHANGE: wording.change,
    Kind.PRICE: wording.price,
}
