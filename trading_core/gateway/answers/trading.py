"""Trading itself: its state, halt and breaker, and the permission to go on."""

from typing import Any

from fastapi import Response

from trading_core.clock import seconds
from trading_core.gateway.call import Call
from trading_core.gateway.protect import CancelReport, HaltReport, cancel_core, halt_core
from trading_core.gateway.router import Handlers
from trading_core.gateway.words import EnableWord, HaltWord, PermitWord
from trading_core.halt_request import HaltRequest, Kind
from trading_core.peers import Peer
from trading_core.settings import Settings
from trading_core.storage.connect import Database
from trading_core.storage.operations.fences import next_fence

# The executor may have to bring its record up to the exchange's first, or wait for an order.
_EXECUTOR_WITHIN = seconds(15)


class TradingAnswers:
    """Answers by asking the executor.

    Args:
        operations: Gives fencing tokens.
    """

    def __init__(self, settings: Settings, executor: Peer, operations: Database) -> None:
        self._settings = settings
        self._executor = executor
        self._operations = operations

    def handlers(self) -> Handlers:
        """Return what answers which endpoint."""
        return {
            "GET /api/v1/state": self.state,
            "POST /api/v1/trading/halt": self.halt,
            "POST /api/v1/trading/pause": self.pause,
            "POST /api/v1/trading/enable": self.enable,
            "GET /api/v1/circuit-breaker/status": self.breaker,
            "POST /api/v1/circuit-breaker/activate": self.activate,
            "POST /api/v1/circuit-breaker/reset": self.reset,
            "POST /api/v1/orders/cancel-all": self.cancel_all,
        }

    def state(self) -> Any:
        """Return the executor's latest word."""
        return self._executor.get("/state")

    def halt(self, call: Call[HaltWord], response: Response) -> HaltReport:
        """Stop everything, round whatever does not answer."""
        return self.halted(call, "halt", response)

    def pause(self, call: Call[HaltWord]) -> Any:
        """Let no order leave for a while."""
        return self._executor.post("/pause", call.word.model_dump(), within=_EXECUTOR_WITHIN)

    def enable(self, call: Call[EnableWord]) -> Any:
        """Let orders leave."""
        return self.told("/enable", call.word)

    def breaker(self) -> dict[str, Any]:
        """Return the breaker's part of the state."""
        found = self._executor.get("/state")
        return {name: found[name] for name in ("breaker", "reason", "actor", "changed_at")}

    def activate(self, call: Call[HaltWord], response: Response) -> HaltReport:
        """Open the breaker."""
        return self.halted(call, "breaker", response)

    def reset(self, call: Call[PermitWord]) -> Any:
        """Close the breaker."""
        return self.told("/breaker/reset", call.word)

    def cancel_all(self, response: Response) -> CancelReport:
        """Take back every open order, round whatever does not answer."""
        report = cancel_core(self._settings)
        response.status_code = 200 if report.confirmed else 504
        return report

    def told(self, path: str, word: PermitWord) -> Any:
        """Tell the executor what it is permitted."""
        return self._executor.post(path, self._fenced(word), within=_EXECUTOR_WITHIN)

    def halted(self, call: Call[Any], kind: Kind, response: Response) -> HaltReport:
        """Halt trading, or open the breaker, or enter a mode: round whatever does not answer."""
        word = call.word
        request = HaltRequest(word.reason, word.actor, kind)
        report = halt_core(self._settings, request, word.fence)
        response.status_code = 200 if report.confirmed else 504
        return report

    def _fenced(self, word: PermitWord) -> dict[str, Any]:
        """Return what the executor is told, with a token of ours when the caller brought none."""
        body = word.model_dump(mode="json")
        if body["fence"] is None:
            with self._operations.transaction() as connection:
                body["fence"] = next_fence(connection)
        return body
