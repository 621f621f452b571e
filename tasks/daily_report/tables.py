"""The day as tables: the same rows for the page and for Prefect's table artifacts."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from decimal import Decimal

from tasks.daily_report import figures
from tasks.daily_report.facts import DailyFacts
from tasks.daily_report.figures import Share
from tasks.report_page import wording
from tasks.report_page.grid import Column, Kind, Table, Value
from trading_core.performance.exposure import Exposure
from trading_core.storage.trading.positions import MarkedPosition

# The newest of the day; the rest is in the table risk_events (DAY-04, line 5).
RISK_EVENTS_MAX = 20

_SHARES = (
    Column("Symbol"),
    Column("Fills", Kind.COUNT, secondary=True),
    Column("Shares", Kind.COUNT, secondary=True),
    Column("P&L", Kind.CHANGE),
)


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
    by_strategy: dict[str, list[Share]] = defaultdict(list)
    for share in figures.shares(facts):
        by_strategy[share.strategy].append(share)
    rows: list[tuple[Value, ...]] = []
    for strategy, parts in by_strategy.items():
        rows += [(strategy, part.symbol, *_sum_of([part])) for part in parts]
        if len(parts) > 1:
            rows.append((strategy, "all", *_sum_of(parts)))
    if carried_usd := figures.carried_usd(facts):
        rows.append(("carried from earlier days, rounding", "", None, None, carried_usd))
    return Table((Column("Strategy"), *_SHARES), tuple(rows), "Nothing was traded.")


def symbol_shares(facts: DailyFacts) -> Table:
    """Return the day's P&L by symbol, of all strategies."""
    by_symbol: dict[str, list[Share]] = defaultdict(list)
    for share in figures.shares(facts):
        by_symbol[share.symbol].append(share)
    rows = tuple((symbol, *_sum_of(by_symbol[symbol])) for symbol in sorted(by_symbol))
    return Table(_SHARES, rows, "Nothing was traded.")


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
        Column("By"),
        Column("Orders", Kind.COUNT),
        Column("For example", secondary=True),
    )
    rows = tuple(
        (one.code, "our gate" if one.by_our_gate else "failure", one.count, one.example)
        for one in figures.refusals(facts)
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
        "Answer": figures.acknowledge_ns(facts),
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


def exposure(facts: DailyFacts) -> Table:
    """Return what stood in the market: at its most, on average, and at the last minute."""
    points = figures.exposure(facts)
    columns = (
        Column("When"),
        *(Column(name, Kind.MONEY, secondary=True) for name in ("Long", "Short")),
        Column("Gross", Kind.MONEY),
        Column("Net", Kind.MONEY),
        Column("Of equity", Kind.FIGURE),
    )
    if not points:
        return Table(columns, (), "Nothing was held while the market traded.")
    peak = max(points, key=lambda point: point.gross_usd)
    mean_usd = sum((point.gross_usd for point in points), Decimal(0)) / len(points)
    rows = (
        _exposure_row(f"most, at {wording.market_time(peak.at)}", peak, facts),
        ("average", None, None, mean_usd, None, _of_equity(mean_usd, facts)),
        _exposure_row("at the last minute", points[-1], facts),
    )
    return Table(columns, rows, "")


def alerts(facts: DailyFacts) -> Table:
    """Return the alerts that fired while the day was open, and how fast each was answered."""
    columns = (
        Column("Received, UTC", Kind.WALL_TIME, secondary=True),
        Column("Severity", Kind.SEVERITY, secondary=True),
        Column("Alert"),
        Column("Answered in", Kind.FIGURE),
        Column("Lasted", Kind.FIGURE, secondary=True),
    )
    rows = tuple(
        (
            one.received_at,
            one.severity,
            one.name,
            wording.span(one.response_seconds),
            wording.span((one.resolved_at - one.starts_at).total_seconds())
            if one.resolved_at
            else "still firing",
        )
        for one in facts.happenings.alerts
    )
    return Table(columns, rows, "No alert fired.")


def incidents(facts: DailyFacts) -> Table:
    """Return the incidents that were opened while the day was open, and how each stands."""
    columns = (
        Column("Incident"),
        Column("Severity", Kind.SEVERITY),
        Column("What happened"),
        Column("Began, UTC", Kind.WALL_TIME, secondary=True),
        Column("Status", Kind.SEVERITY),
    )
    rows = tuple(
        (one.id, one.severity, one.title, one.began_at, one.status)
        for one in facts.happenings.incidents
    )
    return Table(columns, rows, "No incident was opened.")


def copies(facts: DailyFacts) -> Table:
    """Return every backup that was taken while the day was open."""
    columns = (
        Column("Backup"),
        Column("Taken, UTC", Kind.WALL_TIME),
        Column("Size", Kind.FIGURE, secondary=True),
        Column("Restored, UTC", Kind.WALL_TIME),
    )
    rows = tuple(
        (one.id, one.taken_at, wording.size(one.size_bytes), one.restored_at)
        for one in facts.happenings.copies
    )
    return Table(columns, rows, "No backup was taken while the day was open.")


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


def break_records(facts: DailyFacts) -> Table:
    """Return the breaks on record that were in the way of the day, and how each stands now."""
    columns = (
        Column("Break"),
        Column("Which"),
        Column("Shares", Kind.FIGURE, secondary=True),
        Column("Cash", Kind.CHANGE, secondary=True),
        Column("Since"),
        Column("Owner", secondary=True),
        Column("Standing", Kind.SEVERITY),
        Column("Why", secondary=True),
    )
    rows = tuple(
        (
            one.found.type.value.replace("_", " "),
            one.found.symbol or one.found.name or one.found.about.value,
            f"{one.found.shares.normalize():+,f}" if one.found.shares else "",
            one.found.cash_usd,
            f"{one.found.trading_date.day} {one.found.trading_date:%b}",
            *(one.owner, one.standing.value, one.reason),
        )
        for one in facts.break_records
    )
    return Table(columns, rows, "No break is on record for the day.")


def compared(facts: DailyFacts) -> str:
    """Return what was compared with the exchange, in words: `41 orders, 57 fills`."""
    counts = facts.reconciliation.compared if facts.reconciliation else {}
    return ", ".join(f"{_sides(value)} {kind.replace('_', ' ')}" for kind, value in counts.items())


def _sides(counted: object) -> str:
    """Both sides' counts are one number when they are equal."""
    if not isinstance(counted, Mapping):
        return str(counted)
    return " and ".join(dict.fromkeys(str(side) for side in counted.values()))


def _sum_of(parts: Sequence[Share]) -> tuple[Value, ...]:
    """Return fills, shares and profit of several parts; no profit when one has none."""
    known_usd = [part.pnl_usd for part in parts if part.pnl_usd is not None]
    return (
        sum(part.fill_count for part in parts),
        sum(part.traded_quantity for part in parts),
        sum(known_usd, Decimal(0)) if len(known_usd) == len(parts) else None,
    )


def _exposure_row(when: str, point: Exposure, facts: DailyFacts) -> tuple[Value, ...]:
    figures_usd = (point.long_usd, point.short_usd, point.gross_usd, point.net_usd)
    return (when, *figures_usd, _of_equity(point.gross_usd, facts))


def _of_equity(amount_usd: Decimal, facts: DailyFacts) -> str:
    return wording.percent(amount_usd, facts.pnl.start_equity_usd if facts.pnl else 0)


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
