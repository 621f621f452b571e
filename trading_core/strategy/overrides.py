"""What people changed at run time, kept across a crash: a paused strategy stays paused.

A pause holds until somebody lifts it. Changed parameters hold for the session they were made in;
the next session starts from the approved configuration again.
"""

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from trading_core.durable import read_json, write_json
from trading_core.errors import ConfigurationError


class Override(BaseModel):
    """The last word of a person on one strategy.

    Attributes:
        enabled: Whether it may send signals; None leaves it to the configuration.
        parameters: Changed parameters, complete; None leaves them to the configuration.
        session_id: The session `parameters` belong to.
        changed_at: Market time.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    reason: str
    actor: str
    changed_at: datetime | None
    enabled: bool | None = None
    parameters: dict[str, Any] | None = None
    session_id: str | None = None

    def in_session(self, session_id: str | None) -> Self:
        """Return what of it holds in a session: another session's parameters do not."""
        if self.parameters is None or self.session_id == session_id:
            return self
        return self.model_copy(update={"parameters": None, "session_id": None})


_FILE = TypeAdapter(dict[str, Override])


class Overrides:
    """The overrides of all strategies, in one small file."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._by_name = _read(path)

    def of(self, name: str) -> Override | None:
        """Return the override of strategy `name`, if anybody made one."""
        return self._by_name.get(name)

    def set(self, name: str, override: Override) -> None:
        """Put `override` in force; it is on the disk when this returns."""
        changed: Mapping[str, Override] = {**self._by_name, name: override}
        write_json(self._path, _FILE.dump_python(dict(changed), mode="json"))
        self._by_name = dict(changed)


def _read(path: Path) -> dict[str, Override]:
    try:
        return _FILE.validate_python(read_json(path) or {})
    except (ValidationError, ValueError) as error:
        # Starting without the file could trade with a strategy that somebody had paused.
        raise ConfigurationError(
            f"{path}: expected the overrides of the strategies, was unreadable",
            next_step="correct or delete the file; deleting it lifts every pause",
        ) from error
