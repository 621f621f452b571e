"""Updates of this machine's packages that wait, by its own package lists; none is installed here.

Nothing is downloaded: what is not in the lists is not known, and lists that are old tell nothing.
"""

import re
import shutil
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

from tasks.kernel import CheckResult, Verdict, check
from trading_core.clock import SystemClock, seconds

LISTS = Path("/var/lib/apt/lists")
LISTS_AGE_MAX = timedelta(days=8)
_APT = "apt-get"
_ANSWER_WITHIN = seconds(60)
_SHOWN = 8
# Of a line like: Inst openssl [3.0.1] (3.0.2 Debian-Security:12/stable-security [amd64])
_WAITING = re.compile(r"^Inst (\S+)(?: \[[^\]]*\])? \((\S+) ([^)]*)\)", re.MULTILINE)


@check
def check_updates_waiting(lists: Path = LISTS, apt: str = _APT) -> CheckResult:
    """Name the packages that have an update; one that mends a hole makes the line red.

    Args:
        lists: Where the machine keeps what its sources offered last.
        apt: The program that reads them.
    """
    expected = f"no security update waits, by package lists of at most {LISTS_AGE_MAX.days} days"
    if trouble := _unreadable(lists, apt):
        return CheckResult(Verdict.UNKNOWN, trouble, expected, unit=" packages")
    answer = subprocess.run(
        [apt, "--simulate", "-o", "Debug::NoLocking=true", "upgrade"],
        check=False,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=_ANSWER_WITHIN.total_seconds(),
        env={"LC_ALL": "C", "PATH": "/usr/sbin:/usr/bin:/sbin:/bin"},
    )
    if answer.returncode != 0:
        words = answer.stderr.strip().replace("\n", "; ")[:200]
        return CheckResult(Verdict.UNKNOWN, f"{apt}: {words}", expected, unit=" packages")
    found = {name: (version, origin) for name, version, origin in _WAITING.findall(answer.stdout)}
    holes = sorted(name for name, (_, origin) in found.items() if "security" in origin.lower())
    names = ", ".join(holes[:_SHOWN] or sorted(found)[:_SHOWN])
    told = f"{len(found)} updates wait, {len(holes)} of them for security"
    verdict = Verdict.WARN if found else Verdict.PASS
    return CheckResult(
        Verdict.FAIL if holes else verdict,
        f"{told}: {names}" if names else told,
        expected,
        {name: version for name, (version, _) in sorted(found.items())},
        len(holes),
        0,
        " packages",
    )


def _unreadable(lists: Path, apt: str) -> str:
    """Return why the lists tell nothing; empty when they do."""
    if shutil.which(apt) is None:
        return f"{apt} is not on this machine"
    offered = list(lists.glob("*Packages*")) if lists.is_dir() else []
    if not offered:
        return f"{lists} has no package list: nobody asked the sources"
    newest = max(path.stat().st_mtime for path in offered)
    age = SystemClock().now() - datetime.fromtimestamp(newest, UTC)
    return f"the package lists are {age.days} days old" if age > LISTS_AGE_MAX else ""
