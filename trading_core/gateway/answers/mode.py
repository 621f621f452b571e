"""The mode of the system: what it is, entering a stricter one, leaving it, and coming to rest."""

from typing import Any

from fastapi import Response

from trading_core.clock import seconds, stopwatch_seconds
from trading_core.domain.modes import ALLOWS, Mode
from trading_core.errors import CheckFailed
from trading_core.gateway.answers.book import BookAnswers
from trading_core.gateway.answers.trading import TradingAnswers
from trading_core.gateway.call import Call
from trading_core.gateway.known_mode import KnownMode
from trading_core.gateway.protect import HaltReport
from trading_core.gateway.router import Handlers
from trading_core.gateway.session import SessionDriver
from trading_core.gateway.words import ModeWord, PermitWord, ShutdownWord


class ModeAnswers:
    """Answers by the executor's state, and by halting it."""

    def __init__(
        self, known: KnownMode, trading: TradingAnswers, book: BookAnswers, driver: SessionDriver
    ) -> None:
        self._known = known
        self._trading = trading
        self._book = book
        self._driver = driver

    def handlers(self) -> Handlers:
        """Return what answers which endpoint."""
        return {
            "GET /api/v1/mode": self.mode,
            "POST /api/v1/mode": self.enter,
            "POST /api/v1/mode/exit": self.leave,
            "POST /api/v1/shutdown": self.shutdown,
        }

    def mode(self) -> dict[str, Any]:
        """Return the mode, who set it, when and why; with the executor gone, the last known."""
        return {**self._known.record(), "modes": {one: sorted(ALLOWS[one]) for one in Mode}}

    def enter(self, call: Call[ModeWord], response: Response) -> HaltReport:
        """Enter a mode that allows less, and take back open orders."""
        return self._trading.halted(call, call.word.mode, response)

    def leave(self, call: Call[PermitWord]) -> Any:
        """Leave the mode, into a halt."""
        return self._trading.told("/mode/exit", call.word)

    def shutdown(self, call: Call[ShutdownWord], response: Response) -> dict[str, Any]:
        """Bring the core to rest: time, orders, and positions if that is wanted."""
        word = call.word
        began_seconds = stopwatch_seconds()
        paused = self._paused(word.reason)
        report = self._trading.halted(call, "emergency_shutdown", response)
        if not report.confirmed:
            raise report.unconfirmed()
        closed: dict[str, Any] = {"orders": []}
        if word.close_positions:
            left = word.timeout_seconds - (stopwatch_seconds() - began_seconds)
            closed = self._book.closed(call, None, within=seconds(max(left, 1)))
        return {
            **closed,
            "state": report.state,
            "session_paused": paused,
            "positions_closed": word.close_positions,
            "next_step": "the processes still run: stop-system stops them",
        }

    def _paused(self, reason: str) -> bool:
        try:
            self._driver.pause(reason)
        except CheckFailed:
            return False  # no session is running
        return True
