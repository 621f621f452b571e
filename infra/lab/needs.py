"""What a lab host needs of this machine, asked before anything is made."""

import os
import shutil
from pathlib import Path

from trading_core.errors import ConfigurationError

# The program, and the package that brings it.
_PROGRAMS = {
    "ip": "iproute2",
    "mount": "mount",
    "nsenter": "util-linux",
    "ssh-keygen": "openssh-client",
    "sshd": "openssh-server",
    "umount": "mount",
    "unshare": "util-linux",
}
_SYSTEMD = (Path("/usr/lib/systemd/systemd"), Path("/lib/systemd/systemd"))
_SBIN = "/usr/local/sbin:/usr/sbin:/sbin"


def require_all() -> None:
    """Make sure that lab hosts can run here.

    Raises:
        ConfigurationError: Names everything that is missing.
    """
    lacking = missing()
    if lacking:
        raise ConfigurationError(
            f"lab: this machine lacks {'; '.join(lacking)}",
            next_step="install what is missing, or run where it is; see infra/lab/__init__.py",
        )


def missing() -> list[str]:
    """Return what this machine lacks, in words; empty when lab hosts can run."""
    lacking = [] if os.geteuid() == 0 else ["root (this is another user)"]
    lacking += [
        f"the program {name} (package {package})"
        for name, package in _PROGRAMS.items()
        if find(name) is None
    ]
    if not any(path.exists() for path in _SYSTEMD):
        lacking.append("systemd (package systemd)")
    if "\toverlay\n" not in Path("/proc/filesystems").read_text():
        lacking.append("the file system overlay in the kernel")
    if _cgroup2() is None:
        lacking.append("a mounted cgroup2 hierarchy")
    return lacking


def find(program: str) -> str | None:
    """Return where a program is; administrators' directories are looked into as well."""
    return shutil.which(program, path=f"{os.defpath}:{_SBIN}")


def systemd() -> Path:
    """Return systemd's own program."""
    return next(path for path in _SYSTEMD if path.exists())


def cgroup2() -> Path:
    """Return where the cgroup2 hierarchy is mounted.

    Raises:
        ConfigurationError: It is not.
    """
    found = _cgroup2()
    if found is None:
        require_all()
        raise AssertionError("require_all names it")
    return found


def _cgroup2() -> Path | None:
    for line in Path("/proc/self/mountinfo").read_text().splitlines():
        before, _, after = line.partition(" - ")
        if after.split()[0] == "cgroup2":
            return Path(before.split()[4])
    return None
