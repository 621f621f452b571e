"""What the time since yesterday left behind: errors in the logs, trips of the breaker, a backup."""

import json
from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from infra.embedded.supervisor import Supervisor
from tasks.kernel import CheckResult, Verdict, check
from trading_core.clock import SystemClock, hours, seconds
from trading_core.settings import Settings
from trading_core.status.indicators import Missing, evaluate, indicator
from trading_core.status.probes import backups
from trading_core.storage.connect import Database
from trading_core.storage.operations import trips

_SINCE = hours(24)
_TELLING = ("error", "critical")
# Of one log: more than a service writes in a day, less than a second to read.
_READ_BYTES_MAX = 16_000_000
_SHOWN = 5


@check(within=seconds(15))
def check_logged_errors(settings: Settings) -> CheckResult:
    """Count the errors our services wrote in a day: a warning, for people to read (DAY-07)."""
    since = SystemClock().now() - _SINCE
    expected = "no error in any log of the last 24 h"
    counts: Counter[str] = Counter()
    last: dict[str, str] = {}
    read = 0
    for path in sorted(Supervisor(settings.root).logs.glob("*.log")):
        for words in _errors(path, since):
            counts[path.stem] += 1
            last[path.stem] = words
        read += 1
    if not read:
        return CheckResult(Verdict.UNKNOWN, "there is no log to read", expected)
    worst = [
        f"{name} {count}, the last: {last[name]}" for name, count in counts.most_common(_SHOWN)
    ]
    return CheckResult(
        Verdict.WARN if counts else Verdict.PASS,
        "; ".join(worst) or f"none in {read} logs",
        expected,
        dict(counts),
        counts.total(),
        0,
        " errors",
    )


@check(within=seconds(5))
def check_breaker_trips(database: Database) -> CheckResult:
    """Count how often the circuit breaker opened in a day (DAY-07)."""
    with database.transaction() as connection:
        found = trips.since(connection, SystemClock().now() - _SINCE)
    words = "; ".join(f"{one.changed_at:%F %T} UTC by {one.actor}: {one.reason}" for one in found)
    return CheckResult(
        Verdict.WARN if found else Verdict.PASS,
        words or "it never opened",
        "no opening in 24 h",
        {},
        len(found),
        0,
        " openings",
    )


@check(within=seconds(5))
def check_newest_backup(settings: Settings) -> CheckResult:
    """Measure how old the newest base backup is that was proven by restoring it (DAY-05)."""
    found = backups.measure(settings)["backup_age_hours"]
    reading = evaluate(indicator("backup_age_hours"), found, settings.indicators)
    good = reading.value is not None and reading.level == "healthy"
    verdict = Verdict.PASS if good else Verdict.FAIL
    if isinstance(found, Missing):
        return CheckResult(verdict, found.words, "a backup that was restored and compared")
    return CheckResult(
        verdict,
        reading.found,
        reading.expected,
        {},
        reading.value,
        reading.limit,
        reading.unit,
    )


def _errors(path: Path, since: datetime) -> Iterator[str]:
    """Yield the words of the errors at the end of a log of ours, the oldest first."""
    with path.open("rb") as file:
        file.seek(max(path.stat().st_size - _READ_BYTES_MAX, 0))
        for line in file:
            # Most lines are no error: cheaper to see than to parse.
            if b'"error"' not in line and b'"critical"' not in line:
                continue
            try:
                entry = json.loads(line)
                if entry["level"] in _TELLING and datetime.fromisoformat(entry["at"]) >= since:
                    yield str(entry["event"])
            except (ValueError, LookupError, TypeError):
                continue  # of a program that is not ours, or half a line
