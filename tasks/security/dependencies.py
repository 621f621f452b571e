"""What the project is built from: every lock says a hash, and what is installed is what it says."""

import base64
import hashlib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from importlib.metadata import Distribution, distributions
from pathlib import Path

from tasks.kernel import PROJECT, CheckResult, Verdict, check
from tasks.security.wording import some

LOCKS = PROJECT / "requirements"
_PIN = re.compile(r"^([A-Za-z0-9._-]+)(?:\[[^\]]*\])?==([^\s;\\]+)")
_HASH = re.compile(r"--hash=sha256:[0-9a-f]{64}(?:\s|$)")


@dataclass(slots=True)
class _Pin:
    """One requirement of a lock."""

    name: str
    version: str
    hashes: int = 0
    lines: list[str] = field(default_factory=list)


@check
def check_locks(directory: Path = LOCKS) -> CheckResult:
    """Read every lock: each requirement is one version, with a hash that pip holds it against."""
    expected = "every requirement pinned to one version, with its hashes"
    locks = sorted(directory.glob("*.txt"))
    if not locks:
        return CheckResult(Verdict.UNKNOWN, f"no lock in {directory}", expected)
    pins = {lock.name: list(_pins(lock)) for lock in locks}
    bad = [
        f"{name}: {pin.name or pin.lines[0]}"
        for name, found in pins.items()
        for pin in found
        if not pin.name or not pin.hashes
    ]
    count = sum(map(len, pins.values()))
    return CheckResult(
        Verdict.FAIL if bad else Verdict.PASS,
        f"{len(bad)} of {count} without version or hash: {some(bad)}"
        if bad
        else f"{count} requirements of {len(locks)} locks have version and hash",
        expected,
        {"bad": bad},
        len(bad),
        0,
        " requirements",
    )


@check
def check_installed(
    lock: Path = LOCKS / "run.txt", places: Sequence[Path] | None = None
) -> CheckResult:
    """Hold what is installed against the lock, and each of its files against its own record.

    Args:
        places: Where packages lie; None: where this process finds them.
    """
    wanted = {_normal(pin.name): pin.version for pin in _pins(lock) if pin.name}
    found = {_normal(one.name): one for one in _installed(places)}
    both = wanted.keys() & found.keys()
    other = sorted(
        f"{name} {found[name].version}, locked {wanted[name]}"
        for name in both
        if found[name].version != wanted[name]
    )
    changed = sorted(file for name in both for file in _changed_files(found[name]))
    bad = [*other, *changed]
    words = f"{len(both)} of {len(wanted)} locked packages are installed here"
    expected = "installed packages of the locked versions, their files as they were made"
    if not both:
        return CheckResult(Verdict.UNKNOWN, words, expected)
    return CheckResult(
        Verdict.FAIL if bad else Verdict.PASS,
        f"{words}; {some(bad) if bad else 'versions and files as locked'}",
        expected,
        {"other_version": other, "changed_files": changed},
        len(bad),
        0,
        " differences",
    )


def _pins(lock: Path) -> Iterator[_Pin]:
    """Yield the requirements of a lock; what is no pin comes without a name."""
    pin: _Pin | None = None
    for line in lock.read_text().splitlines():
        text = line.strip()
        if not text or text.startswith("#"):
            continue
        if not line[0].isspace():
            if pin is not None:
                yield pin
            found = _PIN.match(text)
            pin = _Pin(found[1], found[2]) if found else _Pin("", "")
        if pin is not None:
            pin.lines.append(text)
            pin.hashes += len(_HASH.findall(text))
    if pin is not None:
        yield pin


def _installed(places: Sequence[Path] | None) -> Iterator[Distribution]:
    yield from distributions() if places is None else distributions(path=list(map(str, places)))


def _changed_files(one: Distribution) -> Iterator[str]:
    """Yield the modules whose bytes are not those their package's record names."""
    for file in one.files or ():
        path = Path(str(file.locate()))
        if file.hash is None or file.suffix != ".py" or not path.exists():
            continue
        digest = hashlib.new(file.hash.mode, path.read_bytes()).digest()
        if base64.urlsafe_b64encode(digest).decode().rstrip("=") != file.hash.value:
            yield f"{file} is not as {one.name} {one.version} made it"


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
