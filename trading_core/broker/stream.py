"""Trade updates: what happens to our orders, told as it happens.

A stream can lose; REST cannot. So each connection begins with `on_connect`, where the caller asks
over REST for what it may have missed, and the stream is only ever the faster of the two.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from trading_core.broker.answers import read_order, read_update_fill, reading
from trading_core.broker.http import Endpoint
from trading_core.broker.listener import Conversation, Listener
from trading_core.domain.fills import Fill
from trading_core.domain.orders import Order

_STREAM = "trade_updates"
_FILL_EVENTS = frozenset({"fill", "partial_fill"})


@dataclass(frozen=True, slots=True)
class TradeUpdate:
    """One event in an order's life.

    Attributes:
        event: Alpaca's word: new, partial_fill, fill, canceled, expired, rejected, ...
        order: The order as it stands after the event.
        fill: The execution, when the event is one.
    """

    event: str
    order: Order
    fill: Fill | None


class TradeUpdates:
    """The exchange's stream of trade updates, kept open by a thread.

    Args:
        on_update: Called with each update, in the stream's thread, in the exchange's order.
        on_connect: Called on each (re)connection before the first update; catch up here.
        on_quiet: Called when no further update waits: what was only noted so far is dealt with.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        on_update: Callable[[TradeUpdate], None],
        on_connect: Callable[[], None],
        on_quiet: Callable[[], None] = lambda: None,
    ) -> None:
        self._endpoint = endpoint
        self._greeted_as = endpoint.keys()
        self._on_update = on_update
        self._listener = Listener(
            "trade updates",
            f"{endpoint.stream_base_url}/stream",
            greet=self._greet,
            on_message=self._hear,
            on_connect=on_connect,
            is_stale=lambda: self._endpoint.keys() != self._greeted_as,
        )
        self._listener.on_quiet = on_quiet

    @property
    def connected(self) -> bool:
        """Whether updates are being received."""
        return self._listener.connected

    @property
    def key_id(self) -> str:
        """The id of the key the connection was opened with."""
        return self._greeted_as.key_id

    def start(self) -> None:
        """Start listening. Returns at once; look at `connected`."""
        self._listener.start()

    def stop(self) -> None:
        """Close the stream and wait until the update in hand is dealt with."""
        self._listener.stop()

    def _greet(self, exchange: Conversation) -> None:
        self._greeted_as = pair = self._endpoint.keys()
        key_id, secret = pair.key_id, pair.secret_key.get_secret_value()
        exchange.say(json.dumps({"action": "auth", "key": key_id, "secret": secret}))
        answer = exchange.hear()
        exchange.expect(_data(answer).get("status") == "authorized", "authorization", answer)
        exchange.say(json.dumps({"action": "listen", "data": {"streams": [_STREAM]}}))
        answer = exchange.hear()
        exchange.expect(_STREAM in _data(answer).get("streams", []), "trade updates", answer)

    def _hear(self, message: Any) -> None:
        if message.get("stream") == _STREAM:
            self._on_update(_update(message["data"]))


@reading("trade update")
def _update(data: dict[str, Any]) -> TradeUpdate:
    order = read_order(data["order"])
    fill = read_update_fill(data, order) if data["event"] in _FILL_EVENTS else None
    return TradeUpdate(event=data["event"], order=order, fill=fill)


def _data(message: Any) -> dict[str, Any]:
    data = message.get("data") if isinstance(message, dict) else None
    return data if isinstance(data, dict) else {}
