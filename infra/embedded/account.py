"""The unprivileged account PostgreSQL runs under when the stack itself runs as root.

PostgreSQL refuses to run as root. The account must then reach its programs and its data; where a
parent directory is private, both are kept in a place of their own instead of opening the parent.
"""

import hashlib
import os
import pwd
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict

from trading_core.errors import ConfigurationError

_PREFERRED = ("postgres", "nobody")
_ELSEWHERE = Path("/var/tmp")


@dataclass(frozen=True, slots=True)
class Account:
    """A user of this machine, by name and ids."""

    name: str
    uid: int
    gid: int

    def may_enter(self, directory: Path) -> bool:
        """Whether this account can reach what lies in a directory. Tried, not computed."""
        return self._succeeds("/usr/bin/test", "-x", str(directory))

    def may_run(self, program: Path) -> bool:
        """Whether this account can start `program --version`."""
        return self._succeeds(str(program), "--version")

    def _succeeds(self, *command: str) -> bool:
        try:
            answer = subprocess.run(
                command,
                check=False,
                cwd="/",
                stdin=subprocess.DEVNULL,
                capture_output=True,
                **ids(self),
            )
        except (PermissionError, FileNotFoundError):
            return False
        return answer.returncode == 0


class Ids(TypedDict, total=False):
    """The arguments of `subprocess` that choose who a process belongs to."""

    user: int
    group: int
    extra_groups: list[int]


def ids(account: Account | None) -> Ids:
    """Return how to start a process as `account`; None is ourselves and changes nothing."""
    if account is None:
        return {}
    return {"user": account.uid, "group": account.gid, "extra_groups": []}


def unprivileged() -> Account | None:
    """Return the account to run PostgreSQL under; None when we are not root and run it ourselves.

    Raises:
        ConfigurationError: We are root and the machine has none of the accounts.
    """
    if os.geteuid() != 0:
        return None
    for name in _PREFERRED:
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return Account(name, entry.pw_uid, entry.pw_gid)
    raise ConfigurationError(
        f"PostgreSQL: expected an account of {', '.join(_PREFERRED)} to run under, found none",
        next_step="create one of these accounts, or run as an ordinary user",
    )


def own_place(root: Path, account: Account) -> Path:
    """Return where the account keeps the files of a stack: in its `root` if it can get there.

    Raises:
        ConfigurationError: The place outside exists and belongs to somebody else.
    """
    root.mkdir(parents=True, exist_ok=True)
    if account.may_enter(root):
        return root
    digest = hashlib.sha256(str(root).encode()).hexdigest()[:12]
    place = _ELSEWHERE / f"tradeops-{digest}"
    give(place, account)
    return place


def give(directory: Path, account: Account) -> None:
    """Make a directory that only the account can open (mode 0700).

    Raises:
        ConfigurationError: It exists and is a link, or belongs to somebody else.
    """
    try:
        directory.mkdir(mode=0o700)
    except FileExistsError:
        found = directory.lstat()
        if directory.is_symlink() or found.st_uid not in (0, account.uid):
            raise ConfigurationError(
                f"{directory}: expected a directory of {account.name}, was another's (uid "
                f"{found.st_uid})",
                next_step="find out who made it; remove it or choose another TRADEOPS_STATE_DIR",
            ) from None
    os.chown(directory, account.uid, account.gid, follow_symlinks=False)
    directory.chmod(0o700)


def within_reach(installation: Path, place: Path, account: Account) -> Path:
    """Return a `bin` directory the account can run: the installation's, or a copy in `place`.

    Args:
        installation: The `bin` directory; its parent holds `lib` and `share`.
        place: The account's own directory.
        account: Who will run the programs.
    """
    if account.may_run(installation / "postgres"):
        return installation
    copy = place / "pginstall"
    if not account.may_run(copy / "bin" / "postgres"):
        draft = place / f".pginstall.{os.getpid()}"
        shutil.copytree(installation.parent, draft, symlinks=True)
        shutil.rmtree(copy, ignore_errors=True)
        draft.rename(copy)
    return copy / "bin"
