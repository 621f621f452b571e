"""What was wanted of the session, on the disk: a gateway that was killed carries on from it.

How far the session has come is not kept here: the exchange's clock says it.
"""

from dataclasses import asdict, dataclass, replace
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from trading_core.broker.replay import SessionRequest
from trading_core.durable import read_json, write_json
from trading_core.errors import ConfigurationError


class SessionState(StrEnum):
    """Where a session stands."""

    NONE = "none"
    OPEN = "open"
    RUNNING = "running"
    PAUSED = "paused"
    FINISHED = "finished"
    STOPPED = "stopped"


@dataclass(frozen=True, slots=True)
class Wanted:
    """The session somebody opened, and what they want of it.

    Attributes:
        reason: Why it stands still: who paused it, or the error that stopped it.
        until: The moment of market time at which it stands still by itself; None: the close.
    """

    state: SessionState
    request: SessionRequest
    session_id: str
    reason: str = ""
    until: datetime | None = None

    def with_state(self, state: SessionState, reason: str = "") -> "Wanted":
        """Return the same session in another state."""
        return replace(self, state=state, reason=reason)


_WANTED = TypeAdapter(Wanted)


class SessionFile:
    """The file `gateway/session.json` of a state directory."""

    def __init__(self, root: Path) -> None:
        self._path = root / "gateway" / "session.json"

    def read(self) -> Wanted | None:
        """Return what was wanted last, or None.

        Raises:
            ConfigurationError: The file is not ours.
        """
        try:
            found = read_json(self._path)
            return None if found is None else _WANTED.validate_python(found)
        except (ValidationError, ValueError) as error:
            raise ConfigurationError(
                f"{self._path}: expected the session last opened, was unreadable",
                next_step="delete the file and open the session again",
            ) from error

    def write(self, wanted: Wanted) -> None:
        """Put it on the disk; it is there when this returns."""
        until = None if wanted.until is None else wanted.until.isoformat()
        plain = {**asdict(wanted), "request": _plain(wanted.request), "until": until}
        write_json(self._path, plain)


def _plain(request: SessionRequest) -> dict[str, Any]:
    return {
        name: str(value) if isinstance(value, date | Decimal | Path) else value
        for name, value in asdict(request).items()
    }
