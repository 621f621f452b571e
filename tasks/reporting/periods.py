"""The reports over a week, a month or a span: written when what they say has changed, and told."""

from datetime import date
from pathlib import Path

from prefect import task
from prefect.cache_policies import NO_CACHE

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
from tasks.period_report import figures, tables
from tasks.period_report.facts import read_period
from tasks.period_report.period import Span
from tasks.report_page import wording
from tasks.reporting.files import text_written
from trading_core.settings import Settings


@check
def check_days_closed(settings: Settings, span: str, day: date | None) -> CheckResult:
    """See whether every trading day of the period is closed, with books that agree."""
    facts = read_period(settings, Span(span), day)
    points = figures.open_points(facts)
    title = f"{facts.period.title}, {wording.plural(len(facts.days), 'trading day')}"
    return CheckResult(
        Verdict.WARN if points else Verdict.PASS,
        f"{title}: {'; '.join(points) or 'all in order'}",
        "every day closed, with no break and no open incident",
    )


@action
def ensure_period_report_written(
    settings: Settings, span: str, day: date | None
) -> Change[Path] | Unchanged[Path]:
    """Write the report of the period that a day is in, beside the daily ones."""
    # The plotting library takes a second to import, which every flow's process would pay.
    from tasks.period_report.render import render

    facts = read_period(settings, Span(span), day)
    path = settings.root / "reports" / facts.period.file_name(facts.account)
    return text_written(path, render(facts), f"the {span} report of {facts.period.title}")


@task(cache_policy=NO_CACHE)
def notify_period(settings: Settings, span: str, day: date | None, written: Outcome[Path]) -> str:
    """Show the period as tables; return in a sentence what it came to and where its report is."""
    facts = read_period(settings, Span(span), day)
    shown = {
        "days": (tables.days(facts), "Day by day"),
        "performance": (tables.performance(facts), "Growth and risk"),
        "trades": (tables.trades(facts), "Round trips"),
        "attribution": (tables.attribution(facts), "Who earned it"),
        "orders": (tables.orders(facts), "Orders"),
        "execution": (tables.costs(facts), "Execution cost by strategy and symbol"),
        "maintenance": (tables.maintenance(facts), "Maintenance"),
        "alerts": (tables.alerts(facts), "Alerts by name"),
        "incidents": (tables.incidents(facts), "Incidents"),
        "backups": (tables.backups(facts), "Backups"),
    }
    for name, (table, title) in shown.items():
        described = f"{title}, {facts.period.title}, {facts.account}"
        show_table(f"{current_run().runbook}-{name}", table.artifact(), described)
    earned = wording.change(figures.total_usd(facts))
    sentence = f"{facts.period.title}, {facts.account}: {earned}; {written.sentence}"
    say(sentence)
    return sentence
