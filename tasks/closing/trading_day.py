"""The trading day as a whole: closed once, and only when everything before it is proven."""

from collections.abc import Mapping
from pathlib import Path

from tasks.closing.backups import Vault
from tasks.kernel import (
    Change,
    Checklist,
    CheckResult,
    Unchanged,
    Verdict,
    action,
    check,
    current_run,
)
from trading_core.clock import seconds
from trading_core.errors import CheckFailed
from trading_core.ledger.session import Session
from trading_core.storage.connect import Database
from trading_core.storage.operations.day_backups import DayBackup
from trading_core.storage.trading import breaks, days, pnl, reconciliations


def backup_of(day: Session, books: Checklist) -> str:
    """Return the id of the day's backup. One made while books disagreed is not the day's last."""
    return _last_backup_of(day) + ("" if books.is_ready else "-with-breaks")


def _last_backup_of(day: Session) -> str:
    return f"eod-{day.trading_date.isoformat()}-{day.account}"


@action
def ensure_day_closed(
    database: Database, vault: Vault, day: Session, backup_id: str
) -> Change[None] | Unchanged[None]:
    """Close the day: its books agree, its P&L is frozen, its backup was restored and compared.

    Raises:
        CheckFailed: One of these does not hold; it names which. A rehearsal only plans.
    """
    with database.transaction() as connection:
        found = days.find(connection, day.account, day.trading_date)
    if found is not None and found.closed_at is not None:
        return Unchanged(f"{day} was closed {found.closed_at:%F %T} UTC")
    if not current_run().dry_run:
        _require_complete(database, day, vault.find(backup_id))

    def close(_fence: int) -> None:
        with database.transaction() as connection:
            days.close_day(connection, day.account, day.trading_date)

    def is_closed() -> bool:
        with database.transaction() as connection:
            row = days.find(connection, day.account, day.trading_date)
        return row is not None and row.closed_at is not None

    return Change(does=f"close {day}", act=close, holds=is_closed, within=seconds(5))


@check
def check_newest_day_closed(database: Database, vault: Vault) -> CheckResult:
    """See that the newest trading day is over and done: closed, told and backed up (ONC-03)."""
    expected = "the newest trading day closed, with a final P&L, a report and a proven backup"
    with database.transaction() as connection:
        found = days.newest(connection)
        if found is None:
            return CheckResult(Verdict.WARN, "no trading day is on record", expected)
        profit = pnl.of_day(connection, found.account, found.trading_date)
    day = Session(found.account, found.trading_date)
    backup = vault.find(_last_backup_of(day))
    missing = _without(
        {
            "not closed": found.closed_at is not None,
            "P&L not final": profit is not None and profit.frozen_at is not None,
            "no daily report": found.report_path is not None and Path(found.report_path).is_file(),
            "no proven backup": backup is not None and backup.verified_at is not None,
        }
    )
    return CheckResult(
        Verdict.FAIL if missing else Verdict.PASS,
        f"{day}: {', '.join(missing) or 'closed, told and backed up'}",
        expected,
        {"missing": missing},
        len(missing),
        0,
        " things missing",
    )


def _without(wanted: Mapping[str, bool]) -> list[str]:
    return [what for what, holds in wanted.items() if not holds]


def _require_complete(database: Database, day: Session, backup: DayBackup | None) -> None:
    with database.transaction() as connection:
        opened = days.find(connection, day.account, day.trading_date)
        books = reconciliations.of_day(connection, day.account, day.trading_date)
        profit = pnl.of_day(connection, day.account, day.trading_date)
        left = breaks.open_count(connection, day.account)
    missing = _without(
        {
            "an opened day": opened is not None,
            "books that agree": books is not None and books.break_count == 0 and left == 0,
            "a frozen P&L": profit is not None and profit.frozen_at is not None,
            "a verified backup": backup is not None and backup.verified_at is not None,
        }
    )
    if missing:
        raise CheckFailed(
            f"closing {day}: expected {', '.join(missing)}, found none",
            next_step="run end-of-day again; it does what is missing",
        )
