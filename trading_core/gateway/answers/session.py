"""The replayed session: opening a day, letting its time move, standing still."""

from typing import Any

from trading_core.gateway.call import Call
from trading_core.gateway.router import Handlers
from trading_core.gateway.session import SessionDriver
from trading_core.gateway.words import OpenSession, RunWord, Word


class SessionAnswers:
    """Answers by asking the driver."""

    def __init__(self, driver: SessionDriver) -> None:
        self._driver = driver

    def handlers(self) -> Handlers:
        """Return what answers which endpoint."""
        return {
            "GET /api/v1/session": self.progress,
            "POST /api/v1/session": self.open,
            "POST /api/v1/session/run": self.run,
            "POST /api/v1/session/pause": self.pause,
        }

    def progress(self) -> dict[str, Any]:
        """Return how far it has come."""
        return self._driver.look().as_json()

    def open(self, call: Call[OpenSession]) -> dict[str, Any]:
        """Open a day."""
        return self._driver.open(call.word.request()).as_json()

    def run(self, call: Call[RunWord]) -> dict[str, Any]:
        """Let market time move."""
        return self._driver.run(call.word.until).as_json()

    def pause(self, call: Call[Word]) -> dict[str, Any]:
        """Let it stand still."""
        return self._driver.pause(call.word.reason).as_json()
