"""Streams: whoever listens hears every message in order, or is disconnected and asks over REST.

The exchange never waits for a listener. One that falls too far behind loses its connection, which
it notices; a message left out it would not.
"""

import asyncio
import contextlib
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from starlette.websockets import WebSocket, WebSocketDisconnect

from trading_core.errors import Unreachable
from trading_core.paper.door.disk import Disk, Mark
from trading_core.paper.door.streams.codec import JSON, Codec, Frame, codec_for

_BACKLOG_MAX = 10_000
_TOO_SLOW = 1013
_KEY_REVOKED = 1008
_BROKEN = 1011

Authorized = Callable[[object, object], bool]
Message = Mapping[str, Any]


class Listener:
    """One connection.

    Attributes:
        topics: What it wants to hear, in the stream's own words.
        key_id: The key it was let in with.
    """

    def __init__(self, disk: Disk, codec: Codec = JSON) -> None:
        self._disk = disk
        self.authorized = False
        self.key_id = ""
        self.topics: frozenset[str] = frozenset()
        self.codec = codec
        self._backlog: asyncio.Queue[tuple[Frame | int, Mark]] = asyncio.Queue()

    def tell(self, message: object) -> None:
        """Queue a message, or give up a listener whose queue has grown too long."""
        if self._backlog.qsize() < _BACKLOG_MAX:
            self._backlog.put_nowait((self.codec.write(message), self._disk.mark()))
        else:
            # What is queued is still sent; after the gap this leaves, nothing is.
            self.dismiss(_TOO_SLOW)

    def dismiss(self, code: int) -> None:
        """Disconnect, with the code of RFC 6455 that says why, after what is queued."""
        self.authorized = False
        self._backlog.put_nowait((code, None))

    async def next(self) -> Frame | int:
        """Wait for the next message; a number: disconnect with this code.

        Raises:
            Unreachable: What the message tells of is not on the disk, and will not be.
        """
        frame, mark = await self._backlog.get()
        await self._disk.reached(mark)
        return frame


class Stream:
    """A websocket endpoint; subclasses know its language."""

    def __init__(self, authorized: Authorized, disk: Disk) -> None:
        self._authorized = authorized
        self._disk = disk
        self._listeners: set[Listener] = set()

    def __len__(self) -> int:
        return len(self._listeners)

    async def attend(self, socket: WebSocket) -> None:
        """Serve one connection until either side ends it."""
        await socket.accept()
        listener = Listener(self._disk, codec_for(socket.headers.get("content-type", "")))
        self._listeners.add(listener)
        sender = asyncio.create_task(_send(socket, listener))
        try:
            self.greet(listener)
            while (frame := await socket.receive())["type"] == "websocket.receive":
                message = listener.codec.read(frame.get("text") or frame.get("bytes") or b"")
                if message is not None:
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

    def cut(self) -> None:
        """End every connection, as a network does that breaks."""
        for listener in list(self._listeners):
            listener.dismiss(_BROKEN)

    def expel(self, key_id: str) -> None:
        """Disconnect those who were let in with a key."""
        for listener in self.listeners():
            if listener.key_id == key_id:
                listener.dismiss(_KEY_REVOKED)


async def _send(socket: WebSocket, listener: Listener) -> None:
    # Whoever left is taken off the list by `attend`, which sees the same end.
    with contextlib.suppress(WebSocketDisconnect, RuntimeError, OSError):
        try:
            while not isinstance(message := await listener.next(), int):
                if isinstance(message, str):
                    await socket.send_text(message)
                else:
                    await socket.send_bytes(message)
        except Unreachable:
            message = _BROKEN
        await socket.close(message)
