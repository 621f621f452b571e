"""The report of any trading day, written anew when somebody asks for it."""

from datetime import date
from pathlib import Path

from prefect import task
from prefect.cache_policies import NO_CACHE

from tasks.closing.reports import facts_of, report_written
from tasks.daily_report import execution, figures, tables
from tasks.daily_report.facts import DailyFacts
from tasks.kernel import (
    Change,
    CheckResult,
    Outcome,
    Unchanged,
    Verdict,
    action,
    check,
    current_run,
)
from tasks.kernel.evidence import say, show_table
from trading_core.errors import CheckFailed
from trading_core.ledger.session import Session
from trading_core.settings import Settings
from trading_core.storage.connect import Database, connect
from trading_core.storage.operations import day_backups
from trading_core.storage.trading import periods


@check
def check_day_in_order(settings: Settings, trading_date: date | None) -> CheckResult:
    """See whether a day is closed, and what stands between it and its close."""
    facts = _facts(settings, trading_date)
    points = figures.open_points(facts)
    standing = figures.standing(facts)
    return CheckResult(
        Verdict.PASS if standing is figures.Standing.CLOSED and not points else Verdict.WARN,
        f"{facts.account} on {facts.trading_date}: {'; '.join(points) or standing.value.lower()}",
        "a day that is closed, with no open point",
    )


@action
def ensure_day_report_written(
    settings: Settings, database: Database, trading_date: date | None
) -> Change[Path] | Unchanged[Path]:
    """Write the report of a day, if what it says has changed."""
    day = _session(settings, trading_date)
    return report_written(settings, database, day, _backup_id(settings, day))


@task(cache_policy=NO_CACHE)
def notify_day_report(settings: Settings, trading_date: date | None, written: Outcome[Path]) -> str:
    """Show the day as tables; return in a sentence where it stands and where its report is."""
    facts = _facts(settings, trading_date)
    shown = {
        "figures": (tables.summary(facts), "The day in figures"),
        "attribution": (tables.shares(facts), "Who earned it"),
        "exposure": (tables.exposure(facts), "Exposure"),
        "positions": (tables.positions(facts), "Held overnight"),
        "execution": (execution.costs(facts), "Execution"),
        "latency": (tables.latencies(facts), "Latency"),
        "risk-events": (tables.risk_events(facts), "Risk events"),
        "breaks": (tables.breaks(facts), "Our books against the broker's"),
        "alerts": (tables.alerts(facts), "Alerts"),
        "incidents": (tables.incidents(facts), "Incidents"),
        "backups": (tables.copies(facts), "Backups"),
    }
    for name, (table, title) in shown.items():
        described = f"{title}, {facts.account} on {facts.trading_date}"
        show_table(f"{current_run().runbook}-{name}", table.artifact(), described)
    standing = figures.standing(facts).value
    sentence = f"{facts.account} on {facts.trading_date}: {standing}; {written.sentence}"
    say(sentence)
    return sentence


def _facts(settings: Settings, trading_date: date | None) -> DailyFacts:
    day = _session(settings, trading_date)
    return facts_of(settings, day, _backup_id(settings, day))


def _session(settings: Settings, trading_date: date | None) -> Session:
    with connect(settings.secret("trading_dsn"), application="daily_report") as trading:
        newest = periods.newest_day(trading, trading_date)
    if newest is None or (trading_date and newest[1] != trading_date):
        raise CheckFailed(
            f"report: expected a trading day on {trading_date or 'any date'}, found none",
            next_step="correct the date; `trading_days` lists those there are",
        )
    return Session(*newest)


def _backup_id(settings: Settings, day: Session) -> str:
    """Return the day's newest backup; without one, a name that none has."""
    with connect(settings.secret("operations_dsn"), application="daily_report") as record:
        found = day_backups.newest_of(record, day.account, day.trading_date.isoformat())
    return found.id if found else ""
