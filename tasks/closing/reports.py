"""The day's report: one page, written anew whenever what it says has changed."""

from pathlib import Path

from tasks.daily_report.facts import DailyFacts
from tasks.daily_report.reading import read_facts
from tasks.kernel import Change, Unchanged, action
from trading_core import durable
from trading_core.clock import SystemClock, seconds
from trading_core.ledger.session import Session
from trading_core.settings import Settings
from trading_core.storage.connect import Database, connect
from trading_core.storage.operations import day_backups, happenings
from trading_core.storage.operations.day_backups import DayBackup
from trading_core.storage.operations.happenings import NOTHING, Happenings
from trading_core.storage.trading import days
from trading_core.storage.trading.days import TradingDay


@action
def ensure_report_written(
    settings: Settings, database: Database, day: Session, backup_id: str
) -> Change[Path] | Unchanged[Path]:
    """Write the daily report beside the earlier ones, and where it is into the day's row."""
    return report_written(settings, database, day, backup_id)


def report_written(
    settings: Settings, database: Database, day: Session, backup_id: str
) -> Change[Path] | Unchanged[Path]:
    """Return the change that makes a day's report say what is known; nothing when it does."""
    # The plotting library takes a second to import, which every flow's process would pay.
    from tasks.daily_report.render import render, report_name

    path = settings.root / "reports" / report_name(day.account, day.trading_date)
    page = render(facts_of(settings, day, backup_id))

    def holds() -> bool:
        with database.transaction() as connection:
            row = days.find(connection, day.account, day.trading_date)
        written = path.exists() and path.read_text(encoding="utf-8") == page
        return written and row is not None and row.report_path == str(path)

    def write(_fence: int) -> Path:
        durable.write_text(path, page)
        with database.transaction() as connection:
            days.set_report(connection, day.account, day.trading_date, str(path))
        return path

    if holds():
        return Unchanged(f"the report of {day} says all there is to say: {path}", path)
    return Change(
        does=f"write the report of {day}",
        act=write,
        holds=holds,
        within=seconds(5),
        facts={"path": str(path)},
    )


def facts_of(settings: Settings, day: Session, backup_id: str) -> DailyFacts:
    """Return what the report is made of.

    Raises:
        Unreachable: PostgreSQL does not answer.
        CheckFailed: The account never opened that day.
    """
    with connect(settings.secret("trading_dsn"), application="daily_report") as connection:
        with connection.transaction():
            row = days.find(connection, day.account, day.trading_date)
        backup, happened = _of_record(settings, row, backup_id)
        return read_facts(
            connection, day.account, day.trading_date, backup=backup, happenings=happened
        )


def _of_record(
    settings: Settings, row: TradingDay | None, backup_id: str
) -> tuple[DayBackup | None, Happenings]:
    """Return the day's backup, and what happened from its opening to its close, or to now."""
    with connect(settings.secret("operations_dsn"), application="daily_report") as record:
        backup = day_backups.find(record, backup_id)
        if row is None:
            return backup, NOTHING
        closed_at = row.closed_at or SystemClock().now()
        return backup, happenings.between(record, row.opened_at, closed_at)
