"""Streams: whoever listens hears every message in order, or is disconnected and asks over REST.

The exchange never waits for a listener. One that falls too far behind loses its connection, which
it notices; a message left out it would not.
"""

import asyncio
import contextlib
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from starlette.websockets import WebSocket, WebSocketDisconnect

from trading_core.paper.door import wire
from trading_core.paper.door.intake import read_body
from trading_core.paper.exchange import Exchange, Update
from trading_core.paper.orders import Refusal

_BACKLOG_MAX = 10_000
_TOO_SLOW = 1013
_KEY_REVOKED = 1008
_TRADE_UPDATES = "trade_updates"

Authorized = Callable[[object, object], bool]
Message = Mapping[str, Any]


class Listener:
    """One connection.

    Attributes:
        topics: What it wants to hear, in the stream's own words.
        key_id: The key it was let in with.
    """

    def __init__(self) -> None:
        self.authorized = False
        self.key_id = ""
        self.topics: frozenset[str] = frozenset()
        self._backlog: asyncio.Queue[str | int] = asyncio.Queue()

    def tell(self, message: object) -> None:
        """Queue a message, or give up a listener whose queue has grown too long."""
        if self._backlog.qsize() < _BACKLOG_MAX:
            self._backlog.put_nowait(json.dumps(message, separators=(",", ":")))
        else:
            # What is queued is still sent; after the gap this leaves, nothing is.
            self.dismiss(_TOO_SLOW)

    def dismiss(self, code: int) -> None:
        """Disconnect, with the code of RFC 6455 that says why, after what is queued."""
        self.authorized = False
        self._backlog.put_nowait(code)

    async def next(self) -> str | int:
        """Wait for the next message; a number: disconnect with this code."""
        return await self._backlog.get()


class Stream:
    """A websocket endpoint; subclasses know its language."""

    def __init__(self, authorized: Authorized) -> None:
        self._authorized = authorized
        self._listeners: set[Listener] = set()

    def __len__(self) -> int:
        return len(self._listeners)

    async def attend(self, socket: WebSocket) -> None:
        """Serve one connection until either side ends it."""
        await socket.accept()
        listener = Listener()
        self._listeners.add(listener)
        sender = asyncio.create_task(_send(socket, listener))
        try:
            self.greet(listener)
            while (frame := await socket.receive())["type"] == "websocket.receive":
                message = read_body(frame.get("text") or frame.get("bytes") or b"")
                if not isinstance(message, Refusal):
                    self.hear(listener, message)
        finally:
            self._listeners.discard(listener)
            sender.cancel()

    def listeners(self) -> Iterable[Listener]:
        """Return those who have been let in."""
        return [listener for listener in self._listeners if listener.authorized]

    def greet(self, listener: Listener) -> None:
        """Say the first words, where the language has any."""

    def hear(self, listener: Listener, message: Message) -> None:
        """Answer a client's message."""
        raise NotImplementedError

    def let_in(self, listener: Listener, key: object, secret: object) -> bool:
        """Let the listener in if it knows the credentials."""
        listener.authorized = self._authorized(key, secret)
        listener.key_id = str(key) if listener.authorized else ""
        return listener.authorized

    def standing_on(self, key_id: str) -> int:
        """Return how many listeners were let in with a key."""
        return sum(listener.key_id == key_id for listener in self.listeners())

    def expel(self, key_id: str) -> None:
        """Disconnect those who were let in with a key."""
        for listener in self.listeners():
            if listener.key_id == key_id:
                listener.dismiss(_KEY_REVOKED)


class TradeUpdates(Stream):
    """Alpaca's trading stream: auth, listen, then updates of the account's orders."""

    def hear(self, listener: Listener, message: Message) -> None:
        """Answer `auth` and `listen`."""
        data = message.get("data")
        data = data if isinstance(data, dict) else {}
        if message.get("action") in ("auth", "authenticate"):
            key = message.get("key") or data.get("key_id")
            known = self.let_in(listener, key, message.get("secret") or data.get("secret_key"))
            status = "authorized" if known else "unauthorized"
            reply = {"status": status, "action": "authenticate"}
            listener.tell({"stream": "authorization", "data": reply})
        elif message.get("action") == "listen" and listener.authorized:
            wanted = data.get("streams")
            known = isinstance(wanted, list) and _TRADE_UPDATES in wanted
            listener.topics = frozenset({_TRADE_UPDATES} if known else ())
            streams = sorted(listener.topics)
            listener.tell({"stream": "listening", "data": {"streams": streams}})

    def publish(self, updates: Sequence[Update]) -> None:
        """Tell everybody what happened to orders."""
        for update in updates:
            body = wire.update_body(update)
            for listener in self.listeners():
                if _TRADE_UPDATES in listener.topics:
                    listener.tell(body)


class MarketData(Stream):
    """Alpaca's market data stream: auth, subscribe, then bars and quotes.

    Topics: `b SPY` for the bars of one symbol, `q *` for all quotes.
    """

    def greet(self, listener: Listener) -> None:
        """Say that the connection stands."""
        listener.tell([{"T": "success", "msg": "connected"}])

    def hear(self, listener: Listener, message: Message) -> None:
        """Answer `auth`, `subscribe` and `unsubscribe`."""
        action = message.get("action")
        if action == "auth":
            if self.let_in(listener, message.get("key"), message.get("secret")):
                listener.tell([{"T": "success", "msg": "authenticated"}])
            else:
                listener.tell([{"T": "error", "code": 402, "msg": "auth failed"}])
        elif not listener.authorized:
            listener.tell([{"T": "error", "code": 401, "msg": "not authenticated"}])
        elif action in ("subscribe", "unsubscribe"):
            named = _topics(message)
            topics = listener.topics
            listener.topics = topics | named if action == "subscribe" else topics - named
            listener.tell([_subscription(listener.topics)])
        else:
            listener.tell([{"T": "error", "code": 400, "msg": "invalid syntax"}])

    def publish(self, exchange: Exchange, minutes: Sequence[Message]) -> None:
        """Tell everybody where the quotes stand now, and the bars of the minutes just ended."""
        quotes = [
            {"T": "q", "S": symbol, **wire.quote_body(shown)}
            for symbol, shown in exchange.quotes.items()
        ]
        # Quotes first: whoever has a minute's bars then knows where its quotes ended, too.
        messages = [*quotes, *minutes]
        for listener in self.listeners():
            wanted = [
                m for m in messages if listener.topics & {f"{m['T']} {m['S']}", f"{m['T']} *"}
            ]
            if wanted:
                listener.tell(wanted)


def _topics(message: Message) -> frozenset[str]:
    lists = {"b": message.get("bars"), "q": message.get("quotes")}
    return frozenset(
        f"{kind} {symbol}"
        for kind, symbols in lists.items()
        if isinstance(symbols, list)
        for symbol in symbols
    )


def _subscription(topics: frozenset[str]) -> Message:
    bars = sorted(topic[2:] for topic in topics if topic.startswith("b "))
    quotes = sorted(topic[2:] for topic in topics if topic.startswith("q "))
    return {"T": "subscription", "trades": [], "quotes": quotes, "bars": bars}


async def _send(socket: WebSocket, listener: Listener) -> None:
    # Whoever left is taken off the list by `attend`, which sees the same end.
    with contextlib.suppress(WebSocketDisconnect, RuntimeError, OSError):
        while isinstance(message := await listener.next(), str):
            await socket.send_text(message)
        await socket.close(message)
