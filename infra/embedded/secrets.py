"""Secret files: made once at random, kept readable by their owner only, never overwritten silently.

Nobody chooses a password of the embedded stack and nobody types one: processes read these files.
"""

import os
import secrets
from pathlib import Path

_SECRET_BYTES = 32


def make_directory(directory: Path) -> None:
    """Make the directory of secret files private (0700), also when it was not."""
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    directory.chmod(0o700)


def ensure(directory: Path, name: str) -> str:
    """Return the secret called `name`, making a random one the first time (256 bits, URL-safe)."""
    path = directory / name
    if path.exists():
        return path.read_text().strip()
    value = fresh()
    write(directory, name, value)
    return value


def fresh() -> str:
    """Return a random secret (256 bits, URL-safe)."""
    return secrets.token_urlsafe(_SECRET_BYTES)


def write(directory: Path, name: str, value: str) -> None:
    """Set a secret in one step: a reader, or a crash, finds the old value or the new one, whole."""
    make_directory(directory)
    draft = directory / f".{name}.{os.getpid()}"
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "w") as file:
        file.write(value + "\n")
        file.flush()
        os.fsync(file.fileno())
    draft.replace(directory / name)
