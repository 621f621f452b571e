"""The report on service levels: measured, written, told."""

from datetime import date
from pathlib import Path

from prefect import task
from prefect.cache_policies import NO_CACHE

from tasks.kernel import Change, CheckResult, Outcome, Unchanged, Verdict, action, check
from tasks.kernel.evidence import say, show_table
from tasks.reporting.files import text_written
from tasks.sla_report import tables
from tasks.sla_report.evidence import read_evidence
from tasks.sla_report.render import render
from tasks.sla_report.verdicts import Standing, results
from trading_core.settings import Settings


@check
def check_objectives(settings: Settings, month_of: date | None) -> CheckResult:
    """Hold every objective against the month's records. Missed or unknown is a warning."""
    judged = results(read_evidence(settings, month_of).measured)
    named = {
        standing: [one.objective.title for one in judged if one.standing is standing]
        for standing in Standing
    }
    missed, unknown = named[Standing.MISSED], named[Standing.UNKNOWN]
    found = f"{len(named[Standing.MET])} met, {len(missed)} missed, {len(unknown)} unknown"
    return CheckResult(
        Verdict.WARN if missed or unknown else Verdict.PASS,
        found + (f"; missed: {', '.join(missed)}" if missed else ""),
        f"{len(judged)} objectives met",
        {"missed": missed, "unknown": unknown},
    )


@action
def ensure_sla_report_written(
    settings: Settings, month_of: date | None
) -> Change[Path] | Unchanged[Path]:
    """Write the month's page of objectives beside the other reports."""
    evidence = read_evidence(settings, month_of)
    name = f"service-levels-{evidence.period.starts}-{evidence.account}.html"
    what = f"the service levels of {evidence.period.title}"
    return text_written(settings.root / "reports" / name, render(evidence), what)


@task(cache_policy=NO_CACHE)
def notify_objectives(settings: Settings, month_of: date | None, written: Outcome[Path]) -> str:
    """Show every objective in a table; return how many were met and where the page is."""
    evidence = read_evidence(settings, month_of)
    judged = results(evidence.measured)
    title = f"Service levels, {evidence.period.title}, {evidence.account}"
    show_table("service-levels", tables.objectives(judged).artifact(), title)
    met = sum(one.standing is Standing.MET for one in judged)
    sentence = f"{title}: {met} of {len(judged)} met; {written.sentence}"
    say(sentence)
    return sentence
