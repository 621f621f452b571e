"""Exports: trades for a journal, all tables for another system, the record for an auditor."""

from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any

from prefect import task
from prefect.cache_policies import NO_CACHE
from psycopg import Connection

from tasks.kernel import Change, Outcome, Unchanged, action
from tasks.kernel.evidence import say, show_table
from tasks.reporting.files import text_written
from trading_core.clock import SystemClock, seconds
from trading_core.errors import CheckFailed
from trading_core.exports import archive
from trading_core.exports.archive import Extract, WallSpan
from trading_core.exports.journal import journal_csv
from trading_core.exports.tradenote import tradenote_csv
from trading_core.ledger.session import trading_date_of
from trading_core.performance.round_trips import round_trips
from trading_core.settings import Settings
from trading_core.storage.connect import connect
from trading_core.storage.fingerprints import fingerprint
from trading_core.storage.trading import periods

# Written every few seconds by themselves, or of no day at all.
_NOT_EXPORTED = {"heartbeat", "alembic_version"}
# What an auditor is shown, and the column that says when each line came to be.
AUDITED = (
    Extract("effect_ledger", "at"),
    Extract("api_calls", "at"),
    Extract("approval_requests", "asked_at"),
    Extract("approval_answers", "at"),
    Extract("approval_endings", "at"),
    Extract("incidents", "opened_at"),
    Extract("incident_timeline", "at"),
    Extract("recoveries", "recorded_at"),
)
_WRITTEN_WITHIN = seconds(60)


@action
def ensure_tradenote_exported(
    settings: Settings, start_date: date | None
) -> Change[Path] | Unchanged[Path]:
    """Write the executions since a day as TradeNote imports them."""
    account, starts, ends = _days(settings, start_date)
    with connect(settings.secret("trading_dsn"), application="export") as trading:
        fills = [fill for _, fill in periods.fills_until(trading, account, ends)]
    path = _exports(settings) / f"tradenote-{starts}-to-{ends}-{account}.csv"
    return text_written(path, tradenote_csv(account, fills, starts, ends), "the TradeNote export")


@action
def ensure_journal_exported(
    settings: Settings, start_date: date | None
) -> Change[Path] | Unchanged[Path]:
    """Write the round trips that ended since a day, and those that are open, as CSV."""
    account, starts, ends = _days(settings, start_date)
    with connect(settings.secret("trading_dsn"), application="export") as trading:
        trips = round_trips(periods.fills_until(trading, account, ends))
    wanted = [
        trip for trip in trips if not trip.closed_at or trading_date_of(trip.closed_at) >= starts
    ]
    path = _exports(settings) / f"journal-{starts}-to-{ends}-{account}.csv"
    return text_written(path, journal_csv(wanted), "the trade journal")


@action
def ensure_everything_exported(settings: Settings) -> Change[Path] | Unchanged[Path]:
    """Write every table of the trading database, of one moment, into one archive."""
    account, _, newest = _days(settings, None)
    path = _exports(settings) / f"everything-{newest}-{account}.zip"
    with connect(settings.secret("trading_dsn"), application="export") as trading:
        wanted = _state(trading)

    def write(trading: Connection) -> None:
        nonlocal wanted
        wanted = _state(trading)  # it may have gone on since: what is written is of one moment
        archive.write_archive(trading, path, [Extract(one) for one in wanted], {"state": wanted})

    return _archived(settings, "trading_dsn", path, write, lambda told: told["state"] == wanted)


@action
def ensure_audit_exported(
    settings: Settings, start_date: date | None
) -> Change[Path] | Unchanged[Path]:
    """Write the record of changes, calls, approvals and incidents since a day into one archive.

    Args:
        start_date: UTC; None: yesterday.
    """
    ends = SystemClock().now().replace(second=0, microsecond=0)
    first = start_date or ends.date() - timedelta(days=1)
    span = WallSpan(datetime.combine(first, time(), UTC), ends)
    facts = {"starts": str(span.starts), "ends": str(span.ends)}
    path = _exports(settings) / f"audit-{first}-to-{ends:%Y-%m-%dT%H%MZ}.zip"

    def write(record: Connection) -> None:
        archive.write_archive(record, path, AUDITED, facts, span)

    return _archived(
        settings, "operations_dsn", path, write, lambda told: told["ends"] == facts["ends"]
    )


@task(cache_policy=NO_CACHE)
def notify_exported(*written: Outcome[Path]) -> str:
    """Show which files were written, how large they are, and where."""
    paths = [one.value for one in written if one.value is not None]
    rows = [{"file": str(path), "bytes": path.stat().st_size} for path in paths]
    show_table("exported", rows, "What was exported")
    sentence = "; ".join(one.sentence for one in written)
    say(sentence)
    return sentence


def _archived(
    settings: Settings,
    dsn: str,
    path: Path,
    write: Callable[[Connection], None],
    is_wanted: Callable[[dict[str, Any]], bool],
) -> Change[Path] | Unchanged[Path]:
    """Return the change that writes an archive of one snapshot of a database.

    Args:
        is_wanted: Whether a manifest is of what should be in the archive.
    """

    def act(_fence: int) -> Path:
        with connect(settings.secret(dsn), application="export") as source, source.transaction():
            source.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            write(source)
        return path

    def holds() -> bool:
        told = archive.manifest_of(path)
        return told is not None and is_wanted(told)

    return Change(
        does=f"write {path.name}",
        act=act,
        holds=holds,
        within=_WRITTEN_WITHIN,
        target=path.name,
        facts={"path": str(path)},
    ).unless_shown(f"{path.name} is there, whole, and says the same", path)


def _state(trading: Connection) -> dict[str, dict[str, object]]:
    found = fingerprint(trading)
    return {table: told for table, told in found.items() if table not in _NOT_EXPORTED}


def _days(settings: Settings, start_date: date | None) -> tuple[str, date, date]:
    """Return the newest trading day's account, the first day wanted, and the newest day."""
    with connect(settings.secret("trading_dsn"), application="export") as trading:
        newest = periods.newest_day(trading)
    if newest is None:
        raise CheckFailed(
            "export: expected at least one trading day, found none",
            next_step="export again once a day was opened",
        )
    account, day = newest
    return account, start_date or day, day


def _exports(settings: Settings) -> Path:
    return settings.root / "exports"
