"""What a trading day came to, in one table and one digest.

The digest is over the fills alone, without account, ids or wall times: two runs of one day on the
same input have the same one, whatever the machine.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

from rich.table import Table

from trading_core.broker.client import Broker
from trading_core.ledger.day import cash_of_day
from trading_core.settings import Settings
from trading_core.storage.connect import connect

if TYPE_CHECKING:
    from tasks.daily_report.facts import DailyFacts, DayFill


@dataclass(frozen=True, slots=True)
class DayResult:
    """One day's figures, ours and the exchange's.

    Attributes:
        cash_usd: By our own books; None when they have no start of the day.
        exchange_cash_usd: The exchange's word.
        report: The page, once there is one.
    """

    facts: "DailyFacts"
    cash_usd: Decimal | None
    exchange_cash_usd: Decimal
    report: Path | None

    @property
    def is_closed(self) -> bool:
        """Whether end-of-day closed the day."""
        return self.facts.closed_at is not None


def read_result(settings: Settings, account: str, trading_date: date) -> DayResult:
    """Read one day from the database, and the account from the exchange.

    Raises:
        CheckFailed: The account never opened that day.
        Unreachable: The database or the exchange does not answer.
    """
    from tasks.daily_report.reading import read_facts
    from trading_core.storage.operations import day_backups
    from trading_core.storage.trading import days

    with connect(settings.secret("operations_dsn"), application="day") as record:
        backup = day_backups.newest_of(record, account, trading_date.isoformat())
    with connect(settings.secret("trading_dsn"), application="day") as connection:
        with connection.transaction():
            day = days.find(connection, account, trading_date)
        facts = read_facts(connection, account, trading_date, backup=backup)
    with Broker.of(settings) as broker:
        exchange_cash_usd = broker.account().cash_usd
    report = Path(day.report_path) if day is not None and day.report_path else None
    return DayResult(facts, _cash_usd(facts), exchange_cash_usd, report)


def fills_digest(fills: Iterable["DayFill"]) -> str:
    """Return the SHA-256 of the fills as hex: what was traded, when, at what price, by whom."""
    lines = sorted(
        ",".join(
            (
                one.fill.symbol,
                one.fill.side,
                str(one.fill.quantity),
                f"{one.fill.price_usd:.4f}",
                one.fill.executed_at.astimezone(UTC).isoformat(),
                one.strategy,
            )
        )
        for one in fills
    )
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def as_table(result: DayResult) -> Table:
    """Return the day's table."""
    from tasks.report_page import wording

    facts = result.facts
    synthetic = " (SYNTHETIC market)" if facts.source == "synthetic" else ""
    table = Table(
        title=f"{wording.long_date(facts.trading_date)}, account {facts.account}{synthetic}",
        title_justify="left",
        title_style="bold",
        show_header=False,
    )
    table.add_column(style="dim")
    table.add_column(overflow="fold")
    for label, value in _rows(result):
        table.add_row(label, value)
    return table


def _rows(result: DayResult) -> Iterable[tuple[str, str]]:
    from tasks.daily_report import figures
    from tasks.report_page import wording

    facts = result.facts
    yield "day", "[green]closed[/]" if result.is_closed else "[red]not closed[/]"
    if facts.pnl is not None:
        pnl = facts.pnl
        yield "P&L", f"[bold]{wording.change(pnl.total_pnl_usd)}[/]"
        yield "  realized", wording.change(pnl.realized_pnl_usd)
        yield "  unrealized", wording.change(pnl.unrealized_pnl_usd)
        won = f"{pnl.winning_trades} with a profit, {pnl.losing_trades} with a loss"
        yield "trades", f"{pnl.trade_count} fills; closed {won}"
    failed = figures.failed_count(facts)
    held = len(figures.refused(facts)) - failed
    yield "orders", f"{len(facts.orders)}; {held} held back by our gate, {failed} failed"
    yield "positions", _positions(facts)
    cash_usd = result.cash_usd
    yield "cash, ours", "unknown" if cash_usd is None else wording.money(cash_usd)
    yield "cash, exchange", wording.money(result.exchange_cash_usd)
    yield "breaks", _breaks(facts)
    yield "backup", _backup(facts)
    yield "fills digest", fills_digest(facts.fills)


def _positions(facts: "DailyFacts") -> str:
    held = [one.position for one in facts.positions if one.position.quantity]
    return ", ".join(f"{one.quantity:,} {one.symbol}" for one in held) or "flat"


def _breaks(facts: "DailyFacts") -> str:
    if facts.reconciliation is None:
        return "[magenta]not compared[/]"
    breaks = facts.reconciliation.breaks
    if not breaks:
        return "[green]0[/]"
    named = "; ".join(f"{b.kind} {b.subject}: ours {b.ours}, theirs {b.theirs}" for b in breaks)
    return f"[red]{len(breaks)}[/] {named}"


def _backup(facts: "DailyFacts") -> str:
    from tasks.report_page import wording

    if facts.backup is None:
        return "[red]none[/]"
    proof = "[green]verified by restoring it[/]" if facts.backup.verified_at else "[red]unproven[/]"
    return f"{facts.backup.id}, {wording.size(facts.backup.size_bytes)}, {proof}"


def _cash_usd(facts: "DailyFacts") -> Decimal | None:
    if facts.pnl is None:
        return None
    return cash_of_day(facts.pnl.start, [one.position for one in facts.positions])
