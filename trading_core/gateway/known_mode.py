"""The mode as the gateway knows it, and what it lets through the door.

The executor's word, or the last one it is known to have given: its own file where it runs here,
and otherwise a copy of ours. Nothing about a mode needs PostgreSQL or Redis, and not being able to
ask permits nothing more.
"""

from typing import Any

from trading_core import durable
from trading_core.clock import seconds
from trading_core.domain.modes import ALLOWS, Act, Mode
from trading_core.errors import TradingError
from trading_core.gateway.problems import Refusal, mode_forbids
from trading_core.peers import Peer
from trading_core.settings import Settings

_ASKED_WITHIN = seconds(0.5)
_WORDS = ("mode", "trading_enabled", "breaker", "reason", "actor", "changed_at")
_UNSPOKEN = {"mode": Mode.RUNNING, "reason": "nobody has set a mode yet", "actor": "", "fence": 0}


class KnownMode:
    """Who is asked, and what was answered last."""

    def __init__(self, settings: Settings, executor: Peer) -> None:
        self._executor = executor
        self._is_here = settings.is_here("trade_executor")
        self._theirs = settings.root / "executor" / "state.json"
        self._ours = settings.root / "gateway" / "mode.json"

    def record(self) -> dict[str, Any]:
        """Return the mode with who, when and why, and what it allows."""
        try:
            found, source = self._asked(), "executor"
        except TradingError:
            found, source = self._last(), "last known"
        mode = _mode_of(found)
        known = {word: found.get(word) for word in _WORDS}
        return {**known, "mode": mode, "allows": sorted(ALLOWS[mode]), "source": source}

    def require(self, act: Act) -> None:
        """Let something through only where the mode allows it.

        Raises:
            Refusal: 409, it does not.
        """
        if refusal := self._refusal(act):
            raise refusal

    def _refusal(self, act: Act) -> Refusal | None:
        found = self._last() if self._is_here else self._asked_or_last()
        mode = _mode_of(found)
        if act in ALLOWS[mode]:
            return None
        return mode_forbids(mode, act, str(found.get("actor")), str(found.get("reason")))

    def _asked(self) -> dict[str, Any]:
        state: dict[str, Any] = self._executor.get("/state", within=_ASKED_WITHIN)
        if not self._is_here:
            durable.write_json(self._ours, {"state": state})
        return state

    def _asked_or_last(self) -> dict[str, Any]:
        try:
            return self._asked()
        except (TradingError, OSError):
            return self._last()

    def _last(self) -> dict[str, Any]:
        path = self._theirs if self._is_here else self._ours
        try:
            found = durable.read_json(path)
            return _UNSPOKEN if found is None else dict(found["state"])
        except (OSError, ValueError, KeyError, TypeError) as error:
            # What it said may have been the strictest of all.
            return {"mode": Mode.READ_ONLY, "reason": f"{path.name} is unreadable: {error}"}


def _mode_of(found: dict[str, Any]) -> Mode:
    try:
        return Mode(found["mode"])
    except (ValueError, KeyError):
        return Mode.READ_ONLY
