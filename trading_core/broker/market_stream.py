"""The market data stream: minute bars and quotes as they come."""

import json
from collections.abc import Callable, Sequence
from typing import Any

from trading_core.broker.answers import read_bar, read_halt, read_quote
from trading_core.broker.http import Endpoint
from trading_core.broker.listener import Conversation, Listener
from trading_core.domain.market import Bar, Halt, Quote


class MarketStream:
    """The exchange's stream of bars and quotes, kept open by a thread.

    Args:
        symbols: What to listen to; `("*",)` for everything.
        on_data: Called with each bar or quote, in the stream's thread.
        on_connect: Called on each (re)connection before the first message; catch up here.
        feed: Which of the provider's feeds.
        on_halt: Called with each halt of a symbol and its end, in the stream's thread.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        symbols: Sequence[str],
        on_data: Callable[[Bar | Quote], None],
        on_connect: Callable[[], None],
        feed: str = "iex",
        on_halt: Callable[[Halt], None] = lambda _halt: None,
    ) -> None:
        self._endpoint = endpoint
        self._greeted_as = endpoint.keys()
        self._symbols = list(symbols)
        self._on_data = on_data
        self._on_halt = on_halt
        self._listener = Listener(
            f"market data, feed {feed}",
            f"{endpoint.stream_base_url}/v2/{feed}",
            greet=self._greet,
            on_message=self._hear,
            on_connect=on_connect,
            is_stale=lambda: self._endpoint.keys() != self._greeted_as,
        )

    @property
    def connected(self) -> bool:
        """Whether data is being received."""
        return self._listener.connected

    @property
    def key_id(self) -> str:
        """The id of the key the connection was opened with."""
        return self._greeted_as.key_id

    def start(self) -> None:
        """Start listening. Returns at once; look at `connected`."""
        self._listener.start()

    def stop(self) -> None:
        """Close the stream and wait until the message in hand is dealt with."""
        self._listener.stop()

    def _greet(self, exchange: Conversation) -> None:
        self._greeted_as = pair = self._endpoint.keys()
        key_id, secret = pair.key_id, pair.secret_key.get_secret_value()
        greeting = exchange.hear()
        exchange.expect(_says(greeting, "connected"), "a greeting", greeting)
        exchange.say(json.dumps({"action": "auth", "key": key_id, "secret": secret}))
        answer = exchange.hear()
        exchange.expect(_says(answer, "authenticated"), "authorization", answer)
        wanted = dict.fromkeys(("bars", "quotes", "statuses"), self._symbols)
        exchange.say(json.dumps({"action": "subscribe", **wanted}))
        answer = exchange.hear()
        exchange.expect(_first(answer).get("T") == "subscription", "a subscription", answer)

    def _hear(self, messages: Any) -> None:
        for message in messages:
            if message.get("T") == "b":
                self._on_data(read_bar(message["S"], message))
            elif message.get("T") == "q":
                self._on_data(read_quote(message["S"], message))
            elif message.get("T") == "s" and (halt := read_halt(message["S"], message)):
                self._on_halt(halt)


def _says(messages: Any, word: str) -> bool:
    first = _first(messages)
    return first.get("T") == "success" and first.get("msg") == word


def _first(messages: Any) -> dict[str, Any]:
    first = messages[0] if isinstance(messages, list) and messages else None
    return first if isinstance(first, dict) else {}
