"""The watch on what was changed: for a while after it, the system is held to a stricter eye.

Nothing has to start a watch, and none is lost with a process: every change is on record, and
whoever looks finds those whose watch is not over. A release leaves its binaries in the archive, a
runbook its proof in the ledger, the control API its answer, an approved model or limit its version.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from psycopg import Connection

from tasks.health.performance import RATE_OF_ERRORS
from tasks.kernel import Change, Checklist, CheckResult, Unchanged, Verdict, action, check
from tasks.security.wording import some
from tasks.trading.control import Core
from trading_core.clock import SystemClock, minutes, seconds
from trading_core.domain.state import Breaker
from trading_core.settings import Settings
from trading_core.status.metrics_store import MetricsStore
from trading_core.storage.connect import Database
from trading_core.storage.operations import notices

ERRORS_PERCENT_MAX = 1.0  # THR-13
WATCHED_FOR = minutes(30)
MODEL_WATCHED_FOR = timedelta(days=1)
_LOOK_EVERY = "30s"
# The rate is taken over twice as long as Prometheus needs between two looks.
_RATE_OVER = "60s"
_SHOWS_WITHIN = seconds(5)

# By what was changed: which runbooks change it.
RUNBOOKS = {
    "parameters": ("change-risk-limits", "update-trading-symbols", "switch-data-feed"),
    "release": ("back-up-binaries",),
    "maintenance": (
        *("maintenance-window", "maintain-database", "clean-up"),
        *("restart-service", "start-system"),
        *("rotate-broker-key", "rotate-database-password", "restore-database"),
        *("fail-over", "fail-back", "rejoin-site"),
    ),
    "resumption": ("resume-trading",),
}
_PROVEN = """
    SELECT runbook, run_id, max(at) FROM effect_ledger
    WHERE kind = 'proof' AND at >= %s AND runbook = ANY(%s) GROUP BY runbook, run_id ORDER BY 3
"""
_TOLD = """
    SELECT endpoint, call_id, at FROM api_calls
    WHERE kind = 'answered' AND status < 300 AND at >= %s
      AND endpoint LIKE 'PUT /api/v1/strategies/%%' ORDER BY at
"""
_APPROVED = """
    SELECT kind, name, version, approved_at FROM config_versions
    WHERE approved_at >= %s ORDER BY approved_at
"""


@dataclass(frozen=True, slots=True)
class Watched:
    """A change whose watch is not over.

    Attributes:
        kind: parameters, release, maintenance, resumption or model.
        id: Names the change, the same at every look.
    """

    kind: str
    what: str
    id: str
    at: datetime
    until: datetime


@check
def check_changes(changes: Sequence[Watched]) -> CheckResult:
    """Name what is watched now, and until when."""
    words = [f"{one.kind}: {one.what} until {one.until:%H:%M} UTC" for one in changes]
    found = some(words) or "no change is under watch"
    return CheckResult(Verdict.PASS, found, "to be read", {"watched": words})


@check
def check_errors_since(settings: Settings, changes: Sequence[Watched]) -> CheckResult:
    """Take the largest share of failed requests since the oldest change under watch (HLT-09).

    Looked at every 30 seconds by Prometheus itself, however seldom somebody asks. A model's day is
    looked at for its last half hour: what was before was seen before.
    """
    expected = f"at most {ERRORS_PERCENT_MAX:g} % of requests failed"
    if not changes:
        return CheckResult(Verdict.PASS, "no change is under watch", expected)
    now = SystemClock().now()
    span = min(now - min(one.at for one in changes), WATCHED_FOR)
    window = f"{max(int(span.total_seconds()), 60)}s"
    rate = RATE_OF_ERRORS % (_RATE_OVER, _RATE_OVER)
    with MetricsStore(settings) as store:
        looks = store.number(f"count_over_time(max(up)[{window}:{_LOOK_EVERY}])")
        # Where nobody asked anything, nothing over nothing is no share: it is left out.
        worst = store.number(f"max_over_time(({rate} >= 0)[{window}:{_LOOK_EVERY}])")
    if not looks:
        return CheckResult(Verdict.UNKNOWN, f"no look of the last {window}", expected)
    return CheckResult(
        Verdict.FAIL if (worst or 0.0) > ERRORS_PERCENT_MAX else Verdict.PASS,
        f"at worst {worst or 0.0:.3g} % in {window}",
        expected,
        {"looks": looks},
        worst or 0.0,
        ERRORS_PERCENT_MAX,
        " %",
    )


@check
def check_standing_since(core: Core, changes: Sequence[Watched]) -> CheckResult:
    """See, while a change is watched, that every service is well and the breaker is closed."""
    expected = "every service well, breaker CLOSED"
    if not changes:
        return CheckResult(Verdict.PASS, "no change is under watch", expected)
    bad = [one.name for one in core.health() if not one.answered or one.failed]
    if core.state().breaker is Breaker.OPEN:
        bad.append("the breaker is open")
    return CheckResult(
        Verdict.FAIL if bad else Verdict.PASS,
        f"{len(bad)} not well" + (f": {some(bad)}" if bad else ""),
        expected,
        {"bad": bad},
        len(bad),
        0,
        " services",
    )


@action
def ensure_watch_told(
    operations: Database, changes: Sequence[Watched], checklist: Checklist
) -> Change[int] | Unchanged[int]:
    """Tell people, once for each change, that things went wrong while it was watched."""
    bad = [line for line in checklist.lines if line.result.verdict is not Verdict.PASS]
    words = "; ".join(f"{one.result.verdict} {one.name}: {one.result.found}" for one in bad)

    def untold() -> list[Watched]:
        with operations.transaction() as connection:
            return [
                one for one in changes if not notices.is_written(connection, _thread(one), "red")
            ]

    def tell(_fence: int) -> int:
        with operations.transaction() as connection:
            for one in due:
                said = f"since {one.what} ({one.kind}, {one.at:%H:%M} UTC): {words}. Take it back?"
                notices.write(connection, _thread(one), "red", said)
        return len(due)

    due = untold() if bad else []
    if not due:
        return Unchanged("nothing went wrong that was not told", 0)
    return Change(
        does=f"tell of trouble since {some([one.what for one in due])}",
        act=tell,
        holds=lambda: not untold(),
        within=_SHOWS_WITHIN,
        facts={"changes": [one.id for one in due]},
    )


def changes_watched(operations: Database, database: Database) -> list[Watched]:
    """Return the changes whose watch is not over, the oldest first."""
    now = SystemClock().now()
    with operations.transaction() as connection:
        found = [*_of_runbooks(connection, now), *_of_calls(connection, now)]
    with database.transaction() as connection:
        found += _of_versions(connection, now)
    return sorted((one for one in found if one.until > now), key=lambda one: one.at)


def _of_runbooks(connection: Connection, now: datetime) -> Iterator[Watched]:
    kinds = {book: kind for kind, books in RUNBOOKS.items() for book in books}
    values = (now - WATCHED_FOR, list(kinds))
    for book, run_id, at in connection.execute(_PROVEN, values):
        yield Watched(kinds[book], book, f"{book}/{run_id}", at, at + WATCHED_FOR)


def _of_calls(connection: Connection, now: datetime) -> Iterator[Watched]:
    for endpoint, call_id, at in connection.execute(_TOLD, (now - WATCHED_FOR,)):
        yield Watched("parameters", endpoint, f"call/{call_id}", at, at + WATCHED_FOR)


def _of_versions(connection: Connection, now: datetime) -> Iterator[Watched]:
    for kind, name, version, at in connection.execute(_APPROVED, (now - MODEL_WATCHED_FOR,)):
        is_model = kind == "strategy"
        span = MODEL_WATCHED_FOR if is_model else WATCHED_FOR
        what = f"{name} version {version}"
        watched = "model" if is_model else "parameters"
        yield Watched(watched, what, f"{kind}/{name}/{version}", at, at + span)


def _thread(one: Watched) -> str:
    return f"watch/{one.id}"
