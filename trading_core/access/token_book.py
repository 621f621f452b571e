"""Which tokens are in force, known without asking the database: in memory, and in a local file.

The table is read every second. While the database is away the last known tokens open what protects
and what only looks; what changes anything else is held against the table itself, and waits for it.
"""

import hmac
from collections.abc import Iterable
from contextlib import AbstractContextManager
from dataclasses import asdict, replace
from datetime import datetime, timedelta
from pathlib import Path
from threading import Event, Thread
from typing import Any, Self

import structlog
from pydantic import SecretStr, TypeAdapter, ValidationError

from trading_core import durable
from trading_core.access.api_token import STACK, ApiToken, Caller, Scope
from trading_core.clock import seconds, stopwatch_seconds
from trading_core.errors import ConfigurationError, Unreachable
from trading_core.health import Health
from trading_core.storage.connect import Database
from trading_core.storage.operations.control_api import tokens

log = structlog.get_logger(__name__)

_STACK_CALLS_PER_MINUTE = 12_000
_READ_EVERY = seconds(1)
_FRESH_SECONDS = 10.0
_CALLERS = TypeAdapter(tuple[Caller, ...])


class TokenBook(AbstractContextManager["TokenBook"]):
    """Every token we know. Threads may share one; entered, it keeps itself up to date.

    Args:
        root: The state directory; hashes, never tokens, are kept in its `gateway/tokens.json`.
        stack_token: Of the stack's own services and runbooks.
    """

    def __init__(
        self,
        root: Path,
        stack_token: SecretStr,
        database: Database,
        *,
        read_every: timedelta = _READ_EVERY,
    ) -> None:
        self._path = root / "gateway" / "tokens.json"
        self._stack_token = stack_token
        self._database = database
        self._read_every = read_every
        self._callers = {caller.id: caller for caller in _kept(self._path)}
        self._read_at_seconds: float | None = None
        self._stopping = Event()
        self._thread = Thread(target=self._keep_reading, name="tokens", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_exit: object) -> None:
        self._stopping.set()
        self._thread.join(timeout=5)

    def holder(self, text: str) -> Caller | None:
        """Return whose token this is, in force or not; None when nobody's."""
        if _same(text, self._stack_token.get_secret_value()):
            return _the_stack()
        try:
            token = ApiToken.read(text)
        except ConfigurationError:
            return None
        caller = self._callers.get(token.id)
        return caller if caller is not None and caller.is_holder_of(token) else None

    def read_again(self) -> None:
        """Bring memory and file up to the table.

        Raises:
            Unreachable: The database does not answer; what was known stays.
        """
        with self._database.transaction() as connection:
            found = {caller.id: caller for caller in tokens.callers(connection)}
        self._read_at_seconds = stopwatch_seconds()
        if found != self._callers:
            self._callers = found
            self._keep(found.values())

    def health(self) -> Health:
        """Return whether the table was read lately; asks nobody."""
        if self._read_at_seconds is None:
            return Health(ok=False, detail="tokens not read yet", needed=False)
        age_seconds = stopwatch_seconds() - self._read_at_seconds
        return Health(
            ok=age_seconds <= _FRESH_SECONDS,
            detail=f"tokens read {age_seconds:.0f} s ago",
            needed=False,
        )

    def note_revoked(self, token_id: str, at: datetime) -> None:
        """Let a token count for nothing from this moment, before the table is read again.

        On the disk too: killed now, with the database gone, the next gateway knows it.
        """
        if caller := self._callers.get(token_id):
            self._callers = self._callers | {token_id: replace(caller, revoked_at=at)}
            self._keep(self._callers.values())

    def _keep(self, callers: Iterable[Caller]) -> None:
        try:
            durable.write_json(self._path, [_plain(caller) for caller in callers])
        except OSError as error:
            log.error("tokens not kept on disk", path=str(self._path), error=str(error))

    def _keep_reading(self) -> None:
        while not self._stopping.is_set():
            try:
                self.read_again()
            except Unreachable as error:
                log.warning("tokens not read", error=str(error))
            except Exception:
                log.exception("tokens not read")
            self._stopping.wait(self._read_every.total_seconds())


def _the_stack() -> Caller:
    return Caller(STACK, STACK, frozenset(Scope), "", _STACK_CALLS_PER_MINUTE, None)


def _same(one: str, other: str) -> bool:
    return hmac.compare_digest(one.encode(), other.encode())


def _kept(path: Path) -> tuple[Caller, ...]:
    try:
        return _CALLERS.validate_python(durable.read_json(path) or ())
    except (OSError, ValueError, ValidationError) as error:
        # Fewer tokens known is less permitted; the table tells them again.
        log.error("tokens on disk are unreadable", path=str(path), error=str(error))
        return ()


def _plain(caller: Caller) -> dict[str, Any]:
    return asdict(caller) | {"scopes": sorted(caller.scopes)}
