"""The day is closed once, on books that agree, a P&L computed from fills, and a proven backup."""

from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import psycopg
import pytest

from tasks.closing.backups import Vault, ensure_backup_taken, ensure_backup_verified
from tasks.closing.pnl import ensure_pnl_frozen
from tasks.closing.reconciliation import check_books_agree, ensure_reconciliation_kept
from tasks.closing.reports import ensure_report_written
from tasks.closing.trading_day import (
    backup_of,
    check_newest_day_closed,
    ensure_day_closed,
)
from tasks.kernel import Checklist, CheckResult, Did, Run, Verdict, settle
from tests.fix_postgres import OperationsDatabase, TradingDatabase
from tests.tasks.books import DAY, TwoBooks
from trading_core.domain.orders import Side
from trading_core.errors import CheckFailed, InvariantViolated
from trading_core.settings import Settings
from trading_core.storage.connect import Database
from trading_core.storage.trading import days, pnl


@pytest.fixture
def books(database: Database) -> TwoBooks:
    """Bought 100 at 50.01, sold 40 at 51.225, the rest worth 50.995."""
    both = TwoBooks.opened(database)
    both.trade(Side.BUY, 100)
    both.move("ACME", "51.235")
    both.trade(Side.SELL, 40)
    both.move("ACME", "50.995")
    both.close()
    return both


@pytest.fixture
def vault(trading_database: TradingDatabase, operations: Database, tmp_path: Path) -> Vault:
    return Vault(tmp_path / "backups", trading_database.owner_dsn, operations)


def compared(books: TwoBooks) -> Checklist:
    return settle({"books agree": check_books_agree.fn(books.database, books.broker, DAY)})


def test_the_frozen_total_is_the_brokers_equity_less_the_start(books: TwoBooks, run: Run) -> None:
    frozen = ensure_pnl_frozen.fn(books.database, books.broker, DAY).value

    assert frozen is not None
    assert frozen.frozen_at is not None
    # 40 x (51.225 - 50.01) realised, 60 x (50.995 - 50.01) open
    assert frozen.realized_pnl_usd == Decimal("48.60")
    assert frozen.unrealized_pnl_usd == Decimal("59.10")
    assert frozen.total_pnl_usd == books.broker.account().equity_usd - frozen.start_equity_usd
    assert (frozen.trade_count, frozen.winning_trades, frozen.losing_trades) == (2, 1, 0)


def test_freezing_twice_is_freezing_once_even_when_the_market_moves(
    books: TwoBooks, run: Run
) -> None:
    first = ensure_pnl_frozen.fn(books.database, books.broker, DAY)
    books.move("ACME", "10.00")
    again = ensure_pnl_frozen.fn(books.database, books.broker, DAY)
    assert (first.did, again.did) == (Did.CHANGED, Did.NOTHING)
    assert again.sentence == f"P&L of {DAY} was frozen at $107.70"


def test_positions_that_fills_do_not_explain_stop_everything(books: TwoBooks, run: Run) -> None:
    with books.database.transaction() as connection:
        connection.execute("UPDATE positions SET realized_pnl_usd = realized_pnl_usd + 1")
    with pytest.raises(InvariantViolated, match="expected what 2 fills and activities make"):
        ensure_pnl_frozen.fn(books.database, books.broker, DAY)


def test_a_day_is_not_closed_before_everything_is_proven(
    books: TwoBooks, vault: Vault, run: Run
) -> None:
    agreed = compared(books)
    backup_id = backup_of(DAY, agreed)
    steps: list[Callable[[], object]] = [
        lambda: ensure_reconciliation_kept.fn(books.database, DAY, agreed),
        lambda: ensure_pnl_frozen.fn(books.database, books.broker, DAY),
        lambda: ensure_backup_taken.fn(vault, backup_id),
        lambda: ensure_backup_verified.fn(vault, backup_id),
    ]
    for step in steps:
        with pytest.raises(CheckFailed, match="closing PA7777777 on 2024-03-05: expected"):
            ensure_day_closed.fn(books.database, vault, DAY, backup_id)
        step()

    assert ensure_day_closed.fn(books.database, vault, DAY, backup_id).did is Did.CHANGED
    assert ensure_day_closed.fn(books.database, vault, DAY, backup_id).did is Did.NOTHING


def test_what_is_missing_is_named(books: TwoBooks, vault: Vault, run: Run) -> None:
    ensure_reconciliation_kept.fn(books.database, DAY, compared(books))
    with pytest.raises(CheckFailed, match="expected a frozen P&L, a verified backup, found none"):
        ensure_day_closed.fn(books.database, vault, DAY, "eod")


def test_the_evening_is_told_what_the_newest_day_still_lacks(
    books: TwoBooks, vault: Vault, run: Run, tmp_path: Path
) -> None:
    before = check_newest_day_closed.fn(books.database, vault)
    assert (before.verdict, before.value) == (Verdict.FAIL, 4)
    assert before.found == (f"{DAY}: not closed, P&L not final, no daily report, no proven backup")

    backup_id = backup_of(DAY, compared(books))
    ensure_reconciliation_kept.fn(books.database, DAY, compared(books))
    ensure_pnl_frozen.fn(books.database, books.broker, DAY)
    ensure_backup_taken.fn(vault, backup_id)
    ensure_backup_verified.fn(vault, backup_id)
    ensure_day_closed.fn(books.database, vault, DAY, backup_id)
    page = tmp_path / "report.html"
    with books.database.transaction() as connection:
        days.set_report(connection, DAY.account, DAY.trading_date, str(page))
    assert check_newest_day_closed.fn(books.database, vault).found == f"{DAY}: no daily report"

    page.write_text("the day")
    assert check_newest_day_closed.fn(books.database, vault).verdict is Verdict.PASS


def test_without_a_day_on_record_nothing_is_green(database: Database, vault: Vault) -> None:
    assert check_newest_day_closed.fn(database, vault).verdict is Verdict.WARN


def test_a_day_with_breaks_cannot_be_closed(books: TwoBooks, vault: Vault, run: Run) -> None:
    books.trade(Side.BUY, 10, told=False)
    disagree = compared(books)
    ensure_reconciliation_kept.fn(books.database, DAY, disagree)
    with pytest.raises(CheckFailed, match="expected books that agree"):
        ensure_day_closed.fn(books.database, vault, DAY, backup_of(DAY, disagree))


def test_a_backup_made_over_breaks_is_not_the_days_last() -> None:
    clean = settle({"books agree": CheckResult(Verdict.PASS, "0 breaks", "0 breaks")})
    broken = settle({"books agree": CheckResult(Verdict.FAIL, "1 break", "0 breaks")})
    assert backup_of(DAY, clean) == "eod-2024-03-05-PA7777777"
    assert backup_of(DAY, broken) == "eod-2024-03-05-PA7777777-with-breaks"


def test_a_frozen_day_stays_frozen_in_the_database(books: TwoBooks, run: Run) -> None:
    ensure_pnl_frozen.fn(books.database, books.broker, DAY)
    with (
        pytest.raises(psycopg.errors.RaiseException, match="is frozen"),
        books.database.transaction() as connection,
    ):
        connection.execute("UPDATE daily_pnl SET total_pnl_usd = 0")


def test_a_report_is_written_again_only_when_it_would_say_something_else(
    books: TwoBooks,
    trading_database: TradingDatabase,
    operations_database: OperationsDatabase,
    run: Run,
    tmp_path: Path,
) -> None:
    settings = Settings(state_dir=tmp_path / "state")
    settings.secrets_dir.mkdir(parents=True)
    for name, database in {"trading": trading_database, "operations": operations_database}.items():
        dsn = database.app_dsn.get_secret_value()
        (settings.secrets_dir / f"{name}_dsn").write_text(dsn)

    first = ensure_report_written.fn(settings, books.database, DAY, "eod")
    again = ensure_report_written.fn(settings, books.database, DAY, "eod")
    ensure_pnl_frozen.fn(books.database, books.broker, DAY)
    after = ensure_report_written.fn(settings, books.database, DAY, "eod")

    assert [one.did for one in (first, again, after)] == [Did.CHANGED, Did.NOTHING, Did.CHANGED]
    with books.database.transaction() as connection:
        row = days.find(connection, DAY.account, DAY.trading_date)
        profit = pnl.of_day(connection, DAY.account, DAY.trading_date)
    assert row is not None
    assert profit is not None
    assert row.report_path == str(after.value)
    assert f"{profit.total_pnl_usd:,.2f}" in Path(str(row.report_path)).read_text()
