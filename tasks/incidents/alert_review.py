"""How the alerts have done: which cried wolf, which never cried, which nobody heard.

An episode was acted on when its protective step was taken, a runbook was started for it, or an
incident was opened about it. What a person only looked at leaves no record, and counts as nothing:
an alert that asks for looking alone is better a line on a page.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import median

from prefect import task
from prefect.cache_policies import NO_CACHE
from psycopg import Connection
from psycopg.rows import class_row

from tasks.kernel import CheckResult, Verdict, check, current_run
from tasks.kernel.evidence import show_table
from tasks.security.wording import some
from trading_core.clock import SystemClock
from trading_core.settings import Settings
from trading_core.status.metrics_store import MetricsStore
from trading_core.storage.connect import Database

# Fired so often and mostly for nothing: it teaches people to look away.
FIRED_MIN = 3
UNATTENDED_SHARE_MAX = 0.5
# Over before anybody could have come: the condition, or its `for`, is too narrow.
BRIEF = timedelta(minutes=2)

_EPISODES = """
    SELECT e.alert_name AS name, e.severity, e.starts_at, e.resolved_at,
           e.protection_held OR e.started_at IS NOT NULL OR i.id IS NOT NULL AS acted_on
    FROM alert_episodes e LEFT JOIN incidents i ON i.subject = e.episode
    WHERE e.received_at >= %s AND e.severity <> 'none' ORDER BY e.alert_name, e.starts_at
"""


@dataclass(frozen=True, slots=True)
class _Episode:
    """One firing, and whether anything was done about it."""

    name: str
    severity: str
    starts_at: datetime
    resolved_at: datetime | None
    acted_on: bool


@dataclass(frozen=True, slots=True)
class Record:
    """One alert over the days looked at.

    Attributes:
        typical: Half of its firings were shorter.
        longest: Of one that still fires, until now.
        unattended: How many firings nothing was done about.
    """

    name: str
    severity: str
    fired: int
    typical: timedelta
    longest: timedelta
    unattended: int
    fires: bool

    @property
    def is_noisy(self) -> bool:
        """Whether it fires often, and mostly for nothing."""
        return self.fired >= FIRED_MIN and self.unattended > UNATTENDED_SHARE_MAX * self.fired

    @property
    def is_brief(self) -> bool:
        """Whether it is mostly over before anybody comes."""
        return self.fired >= FIRED_MIN and self.typical < BRIEF


@check
def check_noisy_alerts(operations: Database, days: float) -> CheckResult:
    """Tell which alerts fired often for nothing, or were over before anybody could come."""
    records = records_of(operations, days)
    noisy = [one for one in records if one.is_noisy or one.is_brief]
    words = [
        f"{one.name} fired {one.fired} times, {one.unattended} unattended, "
        f"mostly {_span(one.typical)}"
        for one in noisy
    ]
    fired = sum(one.fired for one in records)
    return CheckResult(
        Verdict.WARN if noisy else Verdict.PASS,
        f"{len(noisy)} of {len(records)} alerts that fired ({fired} times in {days:g} days)"
        + (f": {some(words)}" if words else ""),
        f"no alert fired {FIRED_MIN} times or more mostly for nothing or for moments",
        {"noisy": [one.name for one in noisy]},
        len(noisy),
        0,
        " alerts",
    )


@check
def check_unattended_alerts(operations: Database, days: float) -> CheckResult:
    """Count the firings of critical alerts about which nothing was done."""
    records = [one for one in records_of(operations, days) if one.severity == "critical"]
    missed = [f"{one.name} {one.unattended}" for one in records if one.unattended]
    count = sum(one.unattended for one in records)
    fired = sum(one.fired for one in records)
    return CheckResult(
        Verdict.FAIL if count else Verdict.PASS,
        f"{count} of {fired} critical firings unattended" + (f": {some(missed)}" if missed else ""),
        "every critical firing answered by a protective step, a runbook or an incident",
        {"missed": missed},
        count,
        0,
        " firings",
    )


@check
def check_silent_rules(settings: Settings, operations: Database, days: float) -> CheckResult:
    """Ask Prometheus for its rules: one it cannot evaluate fails, how many never fired is told."""
    expected = "every rule evaluated without an error"
    with MetricsStore(settings) as metrics:
        rules = metrics.rules()
    broken = sorted(name for name, health in rules.items() if health == "err")
    fired = {one.name for one in records_of(operations, days)}
    silent = sorted(rules.keys() - fired)
    return CheckResult(
        Verdict.FAIL if broken else Verdict.PASS if rules else Verdict.UNKNOWN,
        f"{len(broken)} of {len(rules)} rules broken, {len(silent)} did not fire in {days:g} days",
        expected,
        {"broken": broken, "silent": silent},
        len(broken),
        0,
        " rules",
    )


@task(cache_policy=NO_CACHE)
def notify_alert_records(operations: Database, days: float) -> None:
    """Show every alert that fired: how often, how long, how often for nothing."""
    rows = [
        {
            "alert": one.name,
            "severity": one.severity,
            "fired": one.fired,
            "typical": _span(one.typical),
            "longest": _span(one.longest) + (" and fires" if one.fires else ""),
            "unattended": one.unattended,
            "judgement": "noisy" if one.is_noisy else "brief" if one.is_brief else "",
        }
        for one in records_of(operations, days)
    ]
    show_table(f"{current_run().runbook}-alerts", rows, f"Alerts of {days:g} days")


def records_of(operations: Database, days: float) -> list[Record]:
    """Return every alert that fired in some days, the one that fired most at the head."""
    now = SystemClock().now()
    with operations.transaction() as connection:
        episodes = _episodes(connection, now - timedelta(days=days))
    names = dict.fromkeys(one.name for one in episodes)
    records = [_record([one for one in episodes if one.name == name], now) for name in names]
    return sorted(records, key=lambda one: (-one.fired, one.name))


def _episodes(connection: Connection, since: datetime) -> list[_Episode]:
    with connection.cursor(row_factory=class_row(_Episode)) as cursor:
        return cursor.execute(_EPISODES, (since,)).fetchall()


def _record(of_one: Sequence[_Episode], now: datetime) -> Record:
    lasted = [(one.resolved_at or now) - one.starts_at for one in of_one]
    return Record(
        name=of_one[0].name,
        severity=of_one[-1].severity,
        fired=len(of_one),
        typical=timedelta(seconds=median(one.total_seconds() for one in lasted)),
        longest=max(lasted),
        unattended=sum(not one.acted_on for one in of_one),
        fires=any(one.resolved_at is None for one in of_one),
    )


def _span(span: timedelta) -> str:
    whole = int(span.total_seconds())
    if whole < 120:
        return f"{whole} s"
    return f"{whole // 60} min" if whole < 7200 else f"{whole / 3600:.1f} h"
