"""The records of who did what: are they whole, and what do they tell of the last day?"""

import re
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from psycopg import Connection

from tasks.kernel import CheckResult, Verdict, check
from tasks.kernel.ledger import PostgresLedger
from trading_core.access.call_log import Spool
from trading_core.clock import SystemClock
from trading_core.errors import InvariantViolated, Unreachable
from trading_core.settings import Settings
from trading_core.status.metrics_store import MetricsStore
from trading_core.storage.connect import Database
from trading_core.storage.operations.control_api import calls
from trading_core.storage.trading import order_habits
from trading_core.storage.trading.order_habits import Habits

REFUSED_WARN = 20
REFUSED_MAX = 200
# Held against the days before: this many times as much is unusual.
USUAL_TIMES_MAX = 3.0
HABIT_DAYS = 20
_HABIT_DAYS_MIN = 5
_DAY = timedelta(days=1)

_REFUSED = """
    SELECT caller, count(*) FROM api_calls WHERE kind = 'refused' AND at >= %s
    GROUP BY caller ORDER BY count(*) DESC, caller
"""
# What PostgreSQL writes when somebody may not log in; the time zone of its log is set to UTC.
_FAILED_LOGIN = re.compile(
    r"^(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d)\.\d+ UTC .*FATAL: +"
    r'(?:password authentication failed for user|no pg_hba.conf entry .* user|role) "([^"]*)"'
)


@check
def check_audit_chain(settings: Settings, operations: Database) -> CheckResult:
    """Recompute the hash chains of the effect ledger and of the record of calls, all of them."""
    expected = "both chains whole, changes on record, no line waiting on the disk"
    try:
        with operations.transaction() as connection:
            lines = PostgresLedger(connection).verify()
            asked = calls.verify(connection)
    except InvariantViolated as error:
        return CheckResult(Verdict.FAIL, str(error), expected, value=1, limit=0, unit=" broken")
    waiting = Spool(settings.root).count()
    odd = waiting or not lines
    return CheckResult(
        Verdict.WARN if odd else Verdict.PASS,
        f"{lines} changes and {asked} calls continue their chains, {waiting} lines wait",
        expected,
        {"ledger_lines": lines, "call_lines": asked, "waiting": waiting},
        0,
        0,
        " broken",
    )


@check
def check_refused_calls(settings: Settings, operations: Database) -> CheckResult:
    """Count the calls of a day that the control API refused, and from whom.

    Holders we know are on record. Who showed no token of ours is counted in the metrics only.
    """
    since = SystemClock().now() - _DAY
    expected = f"fewer than {REFUSED_WARN} refused calls in 24 h"
    with operations.transaction() as connection:
        known = {str(name): int(count) for name, count in connection.execute(_REFUSED, (since,))}
    facts: dict[str, object] = {"known": known}
    try:
        with MetricsStore(settings) as metrics:
            unknown = metrics.number(
                'sum(increase(api_calls_refused_total{code="TOKEN_NOT_IN_FORCE"}[24h]))'
            )
    except Unreachable as error:
        words = f"{sum(known.values())} of known holders; of strangers nothing is known: {error}"
        return CheckResult(Verdict.UNKNOWN, words, expected, facts)
    strangers = round(unknown or 0)
    total = sum(known.values()) + strangers
    who = ", ".join(f"{name} {count}" for name, count in list(known.items())[:5])
    verdict = Verdict.WARN if total >= REFUSED_WARN else Verdict.PASS
    return CheckResult(
        Verdict.FAIL if total >= REFUSED_MAX else verdict,
        f"{total} refused in 24 h ({who or 'no known holder'}; no token in force {strangers})",
        expected,
        facts | {"without_a_token": strangers},
        total,
        REFUSED_WARN,
        " calls",
    )


@check
def check_failed_logins(logs: Path) -> CheckResult:
    """Count the logins that PostgreSQL refused in a day, by user, as its logs tell them."""
    expected = f"fewer than {REFUSED_WARN} failed logins in 24 h"
    files = [*logs.glob("postgres.log*"), *logs.glob("operations_db.log*")]
    if not files:
        return CheckResult(Verdict.UNKNOWN, f"no log of PostgreSQL in {logs}", expected)
    since = SystemClock().now() - _DAY
    failed = Counter(user for file in files for at, user in _failed_logins(file) if at >= since)
    total = failed.total()
    who = ", ".join(f"{name} {count}" for name, count in failed.most_common(5))
    verdict = Verdict.WARN if total >= REFUSED_WARN else Verdict.PASS
    return CheckResult(
        Verdict.FAIL if total >= REFUSED_MAX else verdict,
        f"{total} failed logins in 24 h" + (f": {who}" if who else ""),
        expected,
        {"by_user": dict(failed)},
        total,
        REFUSED_WARN,
        " logins",
    )


@check
def check_unusual_trading(database: Database) -> CheckResult:
    """Compare the newest trading day's orders with the days before: number, size, refusals, names.

    A day is unusual with three times the most of the days before, or a symbol or strategy that none
    of them knew. With fewer than five days before there is nothing to compare with.
    """
    expected = f"within {USUAL_TIMES_MAX:g} times the most of {HABIT_DAYS} days, no new names"
    with database.transaction() as connection:
        days = order_habits.newest_days(connection, HABIT_DAYS + 1)
    if len(days) <= _HABIT_DAYS_MIN:
        words = f"{max(len(days) - 1, 0)} days to compare with, {_HABIT_DAYS_MIN} are needed"
        return CheckResult(Verdict.WARN, words, expected, value=None, unit=" times")
    today, before = days[0], days[1:]
    times = _times(today, before)
    worst = max(times, key=lambda name: times[name])
    new = _new_names(today, before)
    odd = times[worst] > USUAL_TIMES_MAX or bool(new)
    words = f"{today.trading_date}: {worst} {times[worst]:.2f} times the most of {len(before)} days"
    return CheckResult(
        Verdict.WARN if odd else Verdict.PASS,
        words + (f"; new: {', '.join(new)}" if new else ""),
        expected,
        {"times": times, "new": new},
        times[worst],
        USUAL_TIMES_MAX,
        " times",
    )


def changes_on_record(connection: Connection, since: datetime) -> int:
    """Return how many changes the ledger proved since a moment."""
    row = connection.execute(
        "SELECT count(*) FROM effect_ledger WHERE kind = 'proof' AND at >= %s", (since,)
    ).fetchone()
    return int(row[0]) if row else 0


def _failed_logins(file: Path) -> Iterator[tuple[datetime, str]]:
    with file.open(errors="replace") as lines:
        for line in lines:
            if "FATAL" in line and (found := _FAILED_LOGIN.match(line)):
                yield datetime.fromisoformat(found[1]).replace(tzinfo=UTC), found[2]


def _times(today: Habits, before: list[Habits]) -> dict[str, float]:
    """Return today's figures over the most of the days before."""

    def over(now: float, then: list[float]) -> float:
        most = max(then)
        return now / most if most else (0.0 if not now else float("inf"))

    return {
        "orders": over(today.orders, [one.orders for one in before]),
        "largest order": over(today.largest_usd, [one.largest_usd for one in before]),
        # Few orders make a large share of one: the least share taken for usual is a tenth.
        "refused share": over(today.refused_share, [max(one.refused_share, 0.1) for one in before]),
    }


def _new_names(today: Habits, before: list[Habits]) -> list[str]:
    known = {name for one in before for name in (*one.symbols, *one.strategies)}
    return sorted({*today.symbols, *today.strategies} - known)
