"""A secret file that may change under a running process: read again when it did, at each use.

Rotation writes the file anew in one step. Whoever is handed the source instead of the value works
with the new secret from the next use on, without a restart. Asking costs one look at the file's
date (microseconds), so everybody asks each time.
"""

from collections.abc import Callable
from pathlib import Path
from threading import Lock

from pydantic import SecretStr

from trading_core.errors import ConfigurationError

Source = Callable[[], SecretStr]
_Mark = tuple[int, int, int]


def constant(value: SecretStr) -> Source:
    """Return the source of a secret that never changes."""
    return lambda: value


class SecretFile:
    """The content of one secret file, as it is now. Threads may share one."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._turn = Lock()
        self._mark: _Mark | None = None
        self._value: SecretStr | None = None

    def __call__(self) -> SecretStr:
        """Return the secret; one that was taken away stays as it was last seen.

        Raises:
            ConfigurationError: There never was such a file.
        """
        with self._turn:
            try:
                mark = _mark_of(self._path)
                if mark != self._mark or self._value is None:
                    # The mark first: a change in between is then read again, not missed.
                    self._value = SecretStr(self._path.read_text().strip())
                    self._mark = mark
            except OSError as error:
                if self._value is None:
                    raise _missing(self._path, error) from error
            return self._value


def _mark_of(path: Path) -> _Mark:
    found = path.stat()
    return found.st_mtime_ns, found.st_ino, found.st_size


def _missing(path: Path, error: OSError) -> ConfigurationError:
    return ConfigurationError(
        f"secret {path.name}: expected a readable file {path}, was {error.strerror}",
        next_step="bring the stack up with `tradeops up`",
    )
