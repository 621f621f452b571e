"""What a week leaves behind: errors in the logs, packages that are not the pinned ones."""

import json
import re
from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta
from importlib import metadata
from pathlib import Path

from infra.embedded.supervisor import Supervisor
from tasks.kernel import PROJECT, CheckResult, Verdict, check
from trading_core.clock import SystemClock
from trading_core.settings import Settings

WEEK = timedelta(days=7)
ERRORS_MAX = 50
_BAD = ("error", "critical", "exception")
# Looked for in the bytes before a line is read as JSON: most lines tell of no error.
_MAYBE_BAD = tuple(word.encode() for word in _BAD)
_SHOWN = 5
_PIN = re.compile(r"^([A-Za-z0-9._-]+)==([^\s;\\]+)[ ]*(;?)", re.MULTILINE)


@check
def check_errors_of_week(settings: Settings) -> CheckResult:
    """Count a week's errors in the logs that are here, by service and by what happened (LOG-06)."""
    expected = f"at most {ERRORS_MAX} errors in {WEEK.days} days"
    folder = Supervisor(settings.root).logs
    if not folder.is_dir():
        return CheckResult(Verdict.UNKNOWN, f"{folder} is not there", expected, unit=" errors")
    since = SystemClock().now() - WEEK
    found = Counter(told for path in sorted(folder.glob("*.log*")) for told in _errors(path, since))
    count = found.total()
    words = "; ".join(f"{times}x {told}" for told, times in found.most_common(_SHOWN))
    return CheckResult(
        Verdict.WARN if count > ERRORS_MAX else Verdict.PASS,
        f"{count} errors{f': {words}' if words else ''}",
        expected,
        dict(found),
        count,
        ERRORS_MAX,
        " errors",
    )


@check
def check_packages_pinned(project: Path = PROJECT) -> CheckResult:
    """Compare what is installed with the lock file. Nobody outside is asked what is new."""
    expected = "every package of requirements/run.txt installed in its pinned version"
    pins = _PIN.findall((project / "requirements" / "run.txt").read_text(encoding="utf-8"))
    if not pins:
        return CheckResult(Verdict.UNKNOWN, "the lock file names no package", expected)
    other = [
        f"{name} is {installed or 'missing'}, pinned {version}"
        for name, version, condition in pins
        # What is pinned for other machines or versions of Python need not be here.
        if (installed := _installed(name)) != version and not (condition and not installed)
    ]
    return CheckResult(
        Verdict.FAIL if other else Verdict.PASS,
        "; ".join(other[:_SHOWN]) or f"{len(pins)} packages as pinned",
        expected,
        {"other": other},
        len(other),
        0,
        " packages",
    )


def _errors(path: Path, since: datetime) -> Iterator[str]:
    """Yield what each line tells that is of an error, with the service's name before it."""
    if path.stat().st_mtime < since.timestamp():
        return
    service = path.name.partition(".log")[0]
    with path.open("rb") as file:
        for line in file:
            if any(word in line for word in _MAYBE_BAD) and (told := _told(line, since)):
                yield f"{service}: {told}"


def _told(line: bytes, since: datetime) -> str:
    """Return what a line of JSON tells of an error since a moment; empty when it does not."""
    try:
        entry = json.loads(line)
        recent = datetime.fromisoformat(entry["at"]) >= since
        return str(entry["event"]) if recent and entry["level"] in _BAD else ""
    except (ValueError, LookupError, TypeError):  # of a program that is not ours
        return ""


def _installed(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return ""
