"""What of a stack others could reach or read: its sockets, its secret files, its logs.

Each look is at the thing itself: the kernel's table of sockets, the mode of a file, the bytes of a
log. No secret is ever part of a finding.
"""

import mmap
import re
import stat
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from ipaddress import IPv6Address, ip_address
from pathlib import Path
from urllib.parse import unquote, urlsplit

import psutil
from psycopg.conninfo import conninfo_to_dict

from infra.embedded.supervisor import Supervisor
from tasks.kernel import CheckResult, Verdict, check
from tasks.security.wording import some
from trading_core.broker.keys import read_pair
from trading_core.errors import TradingError
from trading_core.services import SERVICES
from trading_core.settings import Settings

_OTHERS_MAY = stat.S_IRWXG | stat.S_IRWXO
# Shorter values are found in any log by chance, and none of ours is.
_SECRET_LETTERS_MIN = 12

# What a secret looks like whose value we do not know.
PATTERNS: Mapping[str, re.Pattern[bytes]] = {
    "a token of the control API": re.compile(rb"tradeopsapi1\.[0-9a-f]{12}\.[\w-]{40,}"),
    "a personal token": re.compile(rb"tradeops1\.[\w-]{40,}"),
    "a Slack token": re.compile(rb"xox[abeprs]-[\w-]{10,}"),
    "an AWS access key": re.compile(rb"\bAKIA[0-9A-Z]{16}\b"),
    "a private key": re.compile(rb"-----BEGIN [A-Z ]*PRIVATE KEY-----"),
    "a DSN with its password": re.compile(rb"postgres(?:ql)?(?:\+\w+)?://[^\s:/@]+:[^\s@*]+@"),
}


@check
def check_listening(settings: Settings) -> CheckResult:
    """Ask the kernel which TCP sockets listen to other machines, and hold them against the list.

    A service of ours where the stack is to be on loopback fails; a stranger's socket is told.
    """
    expected = "no socket open to other machines but those of TRADEOPS_OPEN_PORTS"
    ours = {settings.port(row.name): row.name for row in SERVICES if row.port}
    reached = sorted({(port, host) for host, port in _listening() if not _is_loopback(host)})
    unlisted = [(port, host) for port, host in reached if port not in settings.open_ports]
    meant = not _is_loopback(settings.host)
    bad = [one for one in unlisted if one[0] in ours and not meant]
    strange = [one for one in unlisted if one[0] not in ours]
    words = [
        f"{ours.get(port, 'no service of ours')} on {host}:{port}"
        for port, host in (*bad, *strange)
    ]
    return CheckResult(
        Verdict.FAIL if bad else Verdict.WARN if strange else Verdict.PASS,
        f"{len(words)} open: {some(words)}" if words else "0 open that should not be",
        expected,
        {"open": words},
        len(words),
        0,
        " sockets",
    )


@check
def check_secret_files(homes: Sequence[Path]) -> CheckResult:
    """Look at mode and owner of every secret file and its directory: the owner's, nobody else's."""
    expected = "secret files and their directories readable by their owner only"
    missing = [one for one in homes if not one.is_dir()]
    if missing or not homes:
        words = f"no directory of secrets: {', '.join(map(str, missing)) or 'none is known'}"
        return CheckResult(Verdict.UNKNOWN, words, expected)
    looked, bad = 0, []
    for home in homes:
        owner = home.stat().st_uid
        for path in (home, *sorted(home.rglob("*"))):
            looked += 1
            if fault := _fault_of_file(path, owner):
                bad.append(f"{path.relative_to(home.parent)} {fault}")
    return CheckResult(
        Verdict.FAIL if bad else Verdict.PASS,
        f"{len(bad)} of {looked} open: {some(bad)}" if bad else f"0 of {looked} open to others",
        expected,
        {"open": bad},
        len(bad),
        0,
        " files",
    )


@check
def check_accounts_of_services(settings: Settings) -> CheckResult:
    """See as whom the stack's processes run: one that runs as root can do what no service needs."""
    expected = "no process of the stack run by root"
    running = Supervisor(settings.root).processes().values()
    users = {one.name: psutil.Process(one.pid).username() for one in running if one.pid}
    if not users:
        return CheckResult(Verdict.UNKNOWN, "no process of the stack runs", expected)
    as_root = sorted(name for name, user in users.items() if user == "root")
    return CheckResult(
        Verdict.WARN if as_root else Verdict.PASS,
        f"{len(as_root)} of {len(users)} processes run as root" + _listed(as_root),
        expected,
        {"users": users},
        len(as_root),
        0,
        " processes",
    )


@check
def check_logs_hold_no_secret(logs: Path, homes: Sequence[Path]) -> CheckResult:
    """Search every log for each secret we keep, and for what looks like one we do not.

    What was found is named by file and kind, never shown.
    """
    expected = "no secret in a log"
    files = [one for one in sorted(logs.rglob("*")) if one.is_file()]
    values = _values(homes)
    if not files or not values:
        words = f"{len(files)} logs and {len(values)} secrets were found to compare"
        return CheckResult(Verdict.UNKNOWN, words, expected)
    found: Counter[str] = Counter()
    for file in files:
        for kind in _secrets_in(file, values):
            found[f"{kind} in {file.relative_to(logs)}"] += 1
    return CheckResult(
        Verdict.FAIL if found else Verdict.PASS,
        some(sorted(found))
        if found
        else f"0 in {len(files)} logs, searched for {len(values)} secrets",
        expected,
        {"found": dict(found)},
        sum(found.values()),
        0,
        " secrets",
    )


def _listening() -> Iterator[tuple[str, int]]:
    for one in psutil.net_connections(kind="tcp"):
        if one.status == psutil.CONN_LISTEN and one.laddr:
            yield one.laddr.ip, one.laddr.port


def _is_loopback(host: str) -> bool:
    try:
        address = ip_address(host)
    except ValueError:
        return host == "localhost"
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return (mapped or address).is_loopback


def _fault_of_file(path: Path, owner: int) -> str:
    found = path.lstat()
    if stat.S_ISLNK(found.st_mode):
        return "is a link to elsewhere"
    if found.st_mode & _OTHERS_MAY:
        return f"has mode {stat.S_IMODE(found.st_mode):04o}"
    return "" if found.st_uid == owner else f"belongs to user {found.st_uid}"


def _values(homes: Sequence[Path]) -> dict[str, bytes]:
    """Return the secret part of each secret file, by the file's name: a DSN's password alone."""
    found = {}
    for path in (one for home in homes for one in sorted(home.glob("*")) if one.is_file()):
        text = path.read_text(errors="replace").strip()
        value = _secret_part(path.name, text)
        if len(value) >= _SECRET_LETTERS_MIN:
            found[path.name] = value.encode()
    return found


def _secret_part(name: str, text: str) -> str:
    if name.endswith("_id"):  # names a key, as logs and reports may
        return ""
    if "://" in text:
        return unquote(urlsplit(text).password or "")
    if "password=" in text:
        return str(conninfo_to_dict(text).get("password") or "")
    try:
        return read_pair(text).secret_key.get_secret_value()
    except TradingError:
        return text


def _secrets_in(file: Path, values: Mapping[str, bytes]) -> Iterator[str]:
    with file.open("rb") as opened:
        if not file.stat().st_size:
            return
        with mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ) as content:
            yield from (
                f"the value of {name}" for name, value in values.items() if content.find(value) >= 0
            )
            yield from (kind for kind, one in PATTERNS.items() if one.search(content))


def _listed(names: Sequence[str]) -> str:
    return f": {some(names)}" if names else ""
