"""Orders on their way to the exchange: those of one symbol in their order, several symbols at once.

Waiting for the exchange's answer is most of what an order costs. What is sent while another
symbol's answer is awaited costs nothing more.
"""

from collections.abc import Sequence, Set
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from itertools import repeat

from trading_core.broker.contract import Refused, TradingApi
from trading_core.clock import Clock, stopwatch_seconds
from trading_core.domain.orders import Order, OrderRequest
from trading_core.errors import TradingError, Unreachable
from trading_core.execution.switch import TradingSwitch

_LANES_MAX = 8


@dataclass(frozen=True, slots=True)
class Answered:
    """What the exchange, or the switch before it, said of one order.

    Attributes:
        answer: None: it did not leave.
        refusal: The switch's reason why it did not leave; empty when it did.
        error: Why it is not known whether it left, or why it was not tried.
    """

    answer: Order | Refused | None
    sent_at: datetime
    took_seconds: float
    refusal: str = ""
    error: TradingError | None = None


class Sender:
    """Sends orders, each at most once."""

    def __init__(self, broker: TradingApi, switch: TradingSwitch, clock: Clock) -> None:
        self._broker = broker
        self._switch = switch
        self._clock = clock
        self._lanes = ThreadPoolExecutor(_LANES_MAX, thread_name_prefix="lane")

    def send(
        self, requests: Sequence[OrderRequest], by_hand: Set[str] = frozenset()
    ) -> dict[str, Answered]:
        """Send orders and return what became of each, by client order id.

        Once the exchange does not answer for an order, those behind it in its symbol stay here.

        Args:
            by_hand: Ids of those that a person gives.
        """
        lanes: dict[str, list[OrderRequest]] = {}
        for request in requests:
            lanes.setdefault(request.symbol, []).append(request)
        if len(lanes) <= 1:
            return self._in_turn(requests, by_hand)
        found: dict[str, Answered] = {}
        for answered in self._lanes.map(self._in_turn, lanes.values(), repeat(by_hand)):
            found |= answered
        return found

    def _in_turn(self, requests: Sequence[OrderRequest], by_hand: Set[str]) -> dict[str, Answered]:
        found: dict[str, Answered] = {}
        silent: TradingError | None = None
        for request in requests:
            if silent is None:
                answered = self._one(request, by_hand=request.client_order_id in by_hand)
                silent = answered.error
            else:
                answered = Answered(None, self._clock.now(), 0.0, error=silent)
            found[request.client_order_id] = answered
        return found

    def _one(self, request: OrderRequest, *, by_hand: bool) -> Answered:
        sent_at, began_seconds = self._clock.now(), stopwatch_seconds()
        with self._switch.sending(by_hand=by_hand) as refusal:
            if refusal:
                return Answered(None, sent_at, 0.0, refusal=refusal)
            try:
                answer = self._submitted(request)
            except TradingError as error:
                return Answered(None, sent_at, stopwatch_seconds() - began_seconds, error=error)
        return Answered(answer, sent_at, stopwatch_seconds() - began_seconds)

    def _submitted(self, request: OrderRequest) -> Order | Refused:
        try:
            answer = self._broker.submit(request)
        except Unreachable:
            # It may be there or not: ask, and only if it is not, send it once more.
            found = self._broker.order_by_client_id(request.client_order_id)
            answer = found or self._broker.submit(request)
        if isinstance(answer, Refused) and answer.is_duplicate:
            return self._broker.order_by_client_id(request.client_order_id) or answer
        return answer
