"""A secret that is shown once, put into a file that was not there and that nobody else can read."""

import os
from pathlib import Path

from trading_core.errors import ConfigurationError


def reserve(path: Path) -> int:
    """Return a descriptor of a new file of mode 0600, for `fill`.

    Raises:
        ConfigurationError: There is such a file, or none can be made.
    """
    try:
        return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as error:
        raise ConfigurationError(
            f"token file: expected to make the file {path}, was {error.strerror}",
            next_step="name a file that does not exist, in a directory that does",
        ) from error


def fill(descriptor: int, secret: str) -> None:
    """Write the secret as the file's only line."""
    with os.fdopen(descriptor, "w", encoding="utf-8") as opened:
        opened.write(secret + "\n")
