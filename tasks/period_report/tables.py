"""A period as tables: the same rows for the page and for Prefect's table artifacts."""

from collections import defaultdict
from collections.abc import Sequence
from decimal import Decimal
from statistics import median

from tasks.daily_report.execution import costs_of
from tasks.period_report import figures
from tasks.period_report.facts import BENCHMARK, PeriodFacts
from tasks.report_page import wording
from tasks.report_page.grid import Column, Kind, Table, Value
from trading_core.performance.trades import TradeFigures
from trading_core.storage.operations.happenings import Alert


def performance(facts: PeriodFacts) -> Table:
    """Return growth and risk: what the daily returns say."""
    found = figures.return_figures(facts)
    rows = (
        ("Profit and loss", wording.change(figures.total_usd(facts))),
        ("Return", wording.share(found.total_return)),
        (f"{BENCHMARK} over the same days", wording.share(facts.benchmark_return)),
        ("Volatility, a year", wording.share(found.annual_volatility)),
        ("Sharpe ratio, a year", wording.ratio(found.sharpe_ratio)),
        ("Sortino ratio, a year", wording.ratio(found.sortino_ratio)),
        ("Deepest drawdown", wording.share(found.max_drawdown)),
        ("Calmar ratio", wording.ratio(found.calmar_ratio)),
        ("Best day", wording.share(found.best)),
        ("Worst day", wording.share(found.worst)),
        ("Winning days", wording.share(found.winning_share)),
        ("Days with a return", wording.count(found.sessions)),
    )
    return Table((Column("Figure"), Column("Value", Kind.FIGURE)), rows, "")


def trades(facts: PeriodFacts) -> Table:
    """Return what the round trips that ended in the period say."""
    found = figures.all_trades(facts)
    rows = (
        ("Round trips ended", wording.count(found.count)),
        ("Won and lost", f"{found.won:,} and {found.lost:,}"),
        ("Win rate", wording.share(found.win_rate)),
        ("Profit factor", wording.ratio(found.profit_factor)),
        ("Average win", _change(found.average_win_usd)),
        ("Average loss", _change(found.average_loss_usd)),
        ("Payoff ratio", wording.ratio(found.payoff_ratio)),
        ("Expectancy, a trip", _change(found.expectancy_usd)),
        ("Largest win", _change(found.largest_win_usd)),
        ("Largest loss", _change(found.largest_loss_usd)),
        ("Losses in a row, at most", wording.count(found.longest_losing_run)),
    )
    return Table((Column("Figure"), Column("Value", Kind.FIGURE)), rows, "")


def days(facts: PeriodFacts) -> Table:
    """Return the period day by day."""
    columns = (
        Column("Day"),
        Column("P&L", Kind.CHANGE),
        Column("Return", Kind.FIGURE),
        Column("Fills", Kind.COUNT, secondary=True),
        Column("Refused", Kind.COUNT, secondary=True),
        Column("Breaks", Kind.COUNT),
        Column("Standing", Kind.SEVERITY),
    )
    rows: tuple[tuple[Value, ...], ...] = tuple(
        (
            f"{day.trading_date:%a} {day.trading_date.day} {day.trading_date:%b}",
            day.total_pnl_usd,
            wording.share(day.daily_return),
            day.fill_count,
            day.refused,
            day.breaks,
            "closed" if day.closed_at else "open",
        )
        for day in facts.days
    )
    return Table(columns, rows, "No day was traded.")


def attribution(facts: PeriodFacts) -> Table:
    """Return what the round trips earned by strategy and symbol."""
    columns = (
        Column("Strategy"),
        Column("Symbol"),
        Column("Trips", Kind.COUNT),
        Column("Win rate", Kind.FIGURE, secondary=True),
        Column("Factor", Kind.FIGURE, secondary=True),
        Column("P&L", Kind.CHANGE),
    )
    rows = tuple(
        (one.strategy, one.symbol or "all", *_attributed(one.trades))
        for one in figures.attribution(facts)
    )
    return Table(columns, rows, "No round trip ended.")


def orders(facts: PeriodFacts) -> Table:
    """Return how the period's orders went."""
    sent, filled = (sum(getattr(day, name) for day in facts.days) for name in ("sent", "filled"))
    rows = (
        ("Orders", wording.count(sum(day.orders for day in facts.days))),
        ("Taken by the exchange", wording.count(sent)),
        ("Filled completely", wording.count(filled)),
        ("Fill rate", wording.percent(filled, sent)),
        ("Refused", wording.count(sum(day.refused for day in facts.days))),
        ("Fills", wording.count(sum(day.fill_count for day in facts.days))),
    )
    return Table((Column("Figure"), Column("Value", Kind.FIGURE)), rows, "")


def costs(facts: PeriodFacts) -> Table:
    """Return what the period's orders paid against the market, by strategy and symbol."""
    return costs_of(facts.executions)


def maintenance(facts: PeriodFacts) -> Table:
    """Return the log of maintenance: what was done, by whom, for how long, and how it ended."""
    columns = (
        Column("Began"),
        Column("Runbook"),
        Column("By", secondary=True),
        Column("Changes", Kind.COUNT),
        Column("Took", Kind.FIGURE, secondary=True),
        Column("Ended", Kind.SEVERITY),
    )
    rows = tuple(
        (
            *(f"{one.began_at:%F %H:%M} UTC", one.runbook, one.actor, one.changes),
            wording.span((one.ended_at - one.began_at).total_seconds()),
            "failed" if one.failed else "done",
        )
        for one in facts.happenings.maintenance
    )
    return Table(columns, rows, "Nothing was maintained.")


def alerts(facts: PeriodFacts) -> Table:
    """Return the alerts by name: how often each fired, and how fast it was answered."""
    by_name: dict[str, list[Alert]] = defaultdict(list)
    for alert in facts.happenings.alerts:
        by_name[alert.name].append(alert)
    columns = (
        Column("Alert"),
        Column("Severity", Kind.SEVERITY, secondary=True),
        Column("Fired", Kind.COUNT),
        Column("Answered", Kind.COUNT, secondary=True),
        Column("Median answer", Kind.FIGURE),
    )
    ordered = sorted(by_name, key=lambda name: (-len(by_name[name]), name))
    rows = tuple((name, by_name[name][0].severity, *_fired(by_name[name])) for name in ordered)
    return Table(columns, rows, "No alert fired.")


def incidents(facts: PeriodFacts) -> Table:
    """Return the incidents that were opened."""
    columns = (
        Column("Incident"),
        Column("Severity", Kind.SEVERITY),
        Column("What happened"),
        Column("Lasted", Kind.FIGURE, secondary=True),
        Column("Status", Kind.SEVERITY),
    )
    rows = tuple(
        (
            *(one.id, one.severity, one.title),
            wording.span((one.closed_at - one.began_at).total_seconds()) if one.closed_at else "",
            one.status,
        )
        for one in facts.happenings.incidents
    )
    return Table(columns, rows, "No incident was opened.")


def backups(facts: PeriodFacts) -> Table:
    """Return the backups by kind: how many were taken, and how many were restored to prove them."""
    copies = facts.happenings.copies
    rows = []
    for kind in sorted({one.kind for one in copies}):
        of_kind = [one for one in copies if one.kind == kind]
        proven = sum(one.restored_at is not None for one in of_kind)
        size = wording.size(sum(one.size_bytes for one in of_kind))
        rows.append((kind.replace("_", " "), len(of_kind), proven, size))
    columns = (
        Column("Backup"),
        Column("Taken", Kind.COUNT),
        Column("Proven", Kind.COUNT),
        Column("Size", Kind.FIGURE),
    )
    return Table(columns, tuple(rows), "No backup was taken.")


def _attributed(trades: TradeFigures) -> tuple[Value, ...]:
    rate, factor = wording.share(trades.win_rate), wording.ratio(trades.profit_factor)
    return (trades.count, rate, factor, trades.net_usd)


def _fired(alerts: Sequence[Alert]) -> tuple[Value, ...]:
    answers = [one.response_seconds for one in alerts if one.response_seconds is not None]
    return (len(alerts), len(answers), wording.span(median(answers)) if answers else "")


def _change(amount_usd: Decimal | None) -> str:
    return wording.ABSENT if amount_usd is None else wording.change(amount_usd)
