"""The kill switch: from whoever pulls it to the exchange, round everything that does not answer.

Gateway, executor, exchange: each is tried, each failure is noted, and the next is tried all the
same. What counts in the end is what a second look finds: an executor that says it is halted (or
that is not running, with a halt request waiting for it), and no open order at the exchange. No
database, no Prefect, no Redis takes part.
"""

import socket
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

from pydantic import BaseModel, ConfigDict

from trading_core import halt_request
from trading_core.broker.client import Broker
from trading_core.broker.http import Endpoint
from trading_core.clock import poll, seconds
from trading_core.domain.state import Breaker, Mode
from trading_core.errors import NotVerified, TradingError
from trading_core.execution.control import HaltKind
from trading_core.halt_request import HaltRequest
from trading_core.peers import Peer
from trading_core.settings import Settings

# Less than a second until the exchange itself is asked, when everything before it is deaf.
_GATEWAY_WITHIN = seconds(0.5)
_EXECUTOR_WITHIN = seconds(0.3)
# A call that takes a thousand orders back is worth waiting for.
_EXCHANGE_WITHIN = seconds(2)


class Step(BaseModel):
    """One thing tried, and what came of it."""

    model_config = ConfigDict(frozen=True)

    name: str
    ok: bool
    detail: str


class HaltReport(BaseModel):
    """What was done to stop trading, and what a second look found.

    Attributes:
        state: The executor's trading state; None when it did not tell.
        cancelled: Orders taken back at the exchange, by whoever did it.
        open_orders: Orders still open there; None when it did not tell.
        confirmed: Whether no order is open and none can be sent.
    """

    model_config = ConfigDict(frozen=True)

    state: dict[str, Any] | None
    cancelled: int
    open_orders: int | None
    confirmed: bool
    steps: list[Step]

    def unconfirmed(self) -> NotVerified:
        """Return the error that says what could not be seen."""
        failed = "; ".join(f"{step.name}: {step.detail}" for step in self.steps if not step.ok)
        return NotVerified(
            f"halt: expected a halted executor and no open order, "
            f"was {self.open_orders} open orders; {failed}",
            next_step="stop trade_executor by hand, then look at the exchange's open orders",
        )


class CancelReport(BaseModel):
    """What was done to take back every open order, and what a second look found.

    Attributes:
        cancelled: Orders taken back at the exchange, by whoever did it.
        open_orders: Orders still open there; None when it did not tell.
    """

    model_config = ConfigDict(frozen=True)

    cancelled: int
    open_orders: int | None
    confirmed: bool
    steps: list[Step]


def halt_now(settings: Settings, reason: str, actor: str) -> HaltReport:
    """Halt trading through the gateway, or without it.

    Returns:
        What was done and seen; look at `confirmed`. Nothing is raised for a part that is down.

    Raises:
        ConfigurationError: The stack has no secrets: it was never brought up.
    """
    with Peer(settings, "gateway", answer_within=_GATEWAY_WITHIN) as gateway:
        try:
            body = {"reason": reason, "actor": actor}
            report = HaltReport.model_validate(gateway.post("/api/v1/trading/halt", body))
            asked = Step(name="gateway", ok=report.confirmed, detail="answered")
        except (TradingError, ValueError) as error:
            report, asked = None, Step(name="gateway", ok=False, detail=str(error))
    if report is None or not report.confirmed:
        report = halt_core(settings, HaltRequest(reason, actor))
    return report.model_copy(update={"steps": [asked, *report.steps]})


def halt_core(settings: Settings, request: HaltRequest, fence: int | None = None) -> HaltReport:
    """Halt the executor and empty the exchange's book, whichever of them answers.

    Args:
        fence: The caller's fencing token; a halt holds without one.
    """
    attempt = _Attempt(settings, request, fence)
    try:
        return attempt.run()
    finally:
        attempt.close()


def cancel_core(settings: Settings) -> CancelReport:
    """Empty the exchange's book: by the executor, and round it when it does not answer."""
    attempt = _Attempt(settings, HaltRequest("", ""), None)
    try:
        return attempt.cancel()
    finally:
        attempt.close()


class _Attempt:
    """One pull of the switch: the steps in their order, and what each of them found."""

    def __init__(self, settings: Settings, request: HaltRequest, fence: int | None) -> None:
        self._settings = settings
        self._request = request
        self._fence = fence
        self._executor = Peer(settings, "trade_executor", answer_within=_EXECUTOR_WITHIN)
        self._broker = Broker(
            replace(Endpoint.of(settings), timeout_seconds=_EXCHANGE_WITHIN.total_seconds())
        )
        self._steps: list[Step] = []
        self._state: dict[str, Any] | None = None
        self._cancelled = 0
        self._open_orders: int | None = None

    def close(self) -> None:
        self._executor.close()
        self._broker.close()

    def run(self) -> HaltReport:
        left = self._try("halt request", self._leave_request)
        self._try("executor", self._halt_executor)
        self._try("exchange", self._empty_the_book)
        halted = self._try("look again", self._look_at_executor)
        if halted:
            self._try("halt request removed", self._clear_request)
        return HaltReport(
            state=self._state,
            cancelled=self._cancelled,
            open_orders=self._open_orders,
            confirmed=self._open_orders == 0 and (halted or (left and self._is_gone())),
            steps=self._steps,
        )

    def cancel(self) -> CancelReport:
        self._try("executor", self._sweep)
        self._try("exchange", self._empty_the_book)
        return CancelReport(
            cancelled=self._cancelled,
            open_orders=self._open_orders,
            confirmed=self._open_orders == 0,
            steps=self._steps,
        )

    def _try(self, name: str, act: Callable[[], str]) -> bool:
        try:
            step = Step(name=name, ok=True, detail=act())
        except (TradingError, OSError) as error:
            step = Step(name=name, ok=False, detail=str(error))
        self._steps.append(step)
        return step.ok

    def _leave_request(self) -> str:
        halt_request.leave(self._settings.root, self._request)
        return "written"

    def _halt_executor(self) -> str:
        body = {
            "reason": self._request.reason,
            "actor": self._request.actor,
            "kind": self._request.kind,
            "fence": self._fence,
        }
        answer = self._executor.post("/halt", body)
        self._cancelled = int(answer.get("cancelled", 0))
        return f"halted, {self._cancelled} orders cancelled"

    def _sweep(self) -> str:
        answer = self._executor.post("/orders/cancel-all", {})
        self._cancelled = int(answer.get("cancelled", 0))
        return f"{self._cancelled} orders cancelled"

    def _empty_the_book(self) -> str:
        self._cancelled += self._broker.cancel_all()
        poll(self._book_is_empty, within=_EXCHANGE_WITHIN, every=timedelta(milliseconds=20))
        if self._open_orders:
            raise NotVerified(
                f"exchange: expected 0 open orders, was {self._open_orders}",
                next_step="cancel them by hand at the exchange",
            )
        return "0 open orders"

    def _book_is_empty(self) -> bool:
        self._open_orders = len(self._broker.orders("open"))
        return self._open_orders == 0

    def _look_at_executor(self) -> str:
        state: dict[str, Any] = self._executor.get("/state")
        self._state = state
        wanted = HaltKind(self._request.kind).mode
        stopped = Mode(state["mode"]).is_at_least(wanted) or state["breaker"] == Breaker.OPEN
        if not stopped or state["accepts_orders"] is not False:
            raise NotVerified(
                f"executor: expected trading stopped, was {state}", next_step="halt again"
            )
        return f"{state['mode']}, breaker {state['breaker']}"

    def _clear_request(self) -> str:
        halt_request.clear(self._settings.root)
        return "the halt is the executor's own"

    def _is_gone(self) -> bool:
        """Whether there is no executor; a deaf one may still have an order in its hand.

        One on a host reads no request of ours, and a host that is silent may still trade.
        """
        if not self._settings.is_here("trade_executor"):
            return False
        address = (self._settings.host, self._settings.port("trade_executor"))
        try:
            socket.create_connection(address, timeout=_EXECUTOR_WITHIN.total_seconds()).close()
        except ConnectionRefusedError:
            return True
        except OSError:
            return False
        return False
