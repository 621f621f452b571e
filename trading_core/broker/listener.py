"""A websocket that is kept open by a thread of its own.

Whatever goes wrong, the connection is closed and opened again after a pause that grows and is
never quite the same, so that many who lost one server do not come back at once; what was missed
meanwhile is fetched over REST by `on_connect`. A handler that fails is treated the same, so
a message it could not record is not lost either.
"""

import random
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import structlog
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect
from websockets.sync.connection import Connection

from trading_core.broker.answers import read_json
from trading_core.errors import Unreachable

log = structlog.get_logger(__name__)

_FIRST_PAUSE_SECONDS = 0.1
_LONGEST_PAUSE_SECONDS = 5.0
# Of a pause, the least and the most that is waited.
_PAUSE_SPREAD = (0.5, 1.0)
_OPEN_SECONDS_MAX = 5.0
_ANSWER_SECONDS_MAX = 5.0
# How often a quiet connection looks whether it is still the right one.
_LOOK_SECONDS = 0.25
# More messages than this are not read before those read are dealt with.
_TOGETHER_MAX = 200


class Listener:
    """Keeps one connection, greets the server, and hands on each message it sends.

    Args:
        name: For the thread and the logs.
        greet: Speaks the first words on a fresh connection: authorization, subscription.
        on_message: Called in the listener's thread with each parsed message.
        on_connect: Called in the listener's thread once greeted, before the first message.
        is_stale: Whether the connection should be opened anew: its credentials were rotated.

    Attributes:
        on_quiet: Called in the listener's thread when no further message waits, and at the latest
            after some hundred. To be set before `start`.
    """

    def __init__(
        self,
        name: str,
        url: str,
        *,
        greet: Callable[["Conversation"], None],
        on_message: Callable[[Any], None],
        on_connect: Callable[[], None],
        is_stale: Callable[[], bool] = lambda: False,
    ) -> None:
        self._name = name
        self._url = url
        self._greet = greet
        self._on_message = on_message
        self._on_connect = on_connect
        self.on_quiet: Callable[[], None] = lambda: None
        self._is_stale = is_stale
        self._stopping = threading.Event()
        self._connected = threading.Event()
        self._socket: Connection | None = None
        self._thread = threading.Thread(target=self._keep, name=name, daemon=True)

    @property
    def connected(self) -> bool:
        """Whether the server has let us in and the connection stands."""
        return self._connected.is_set()

    def start(self) -> None:
        """Start listening. Returns at once; look at `connected`."""
        self._thread.start()

    def stop(self) -> None:
        """Close the connection and wait for the thread, which finishes the message in hand."""
        self._stopping.set()
        socket = self._socket
        if socket is not None:
            socket.close()
        if self._thread.is_alive() and self._thread is not threading.current_thread():
            self._thread.join(timeout=10)

    def _keep(self) -> None:
        pause_seconds = _FIRST_PAUSE_SECONDS
        while not self._stopping.is_set():
            try:
                self._converse()
            except Exception as error:  # noqa: BLE001 - whatever it was, only a new start repairs it
                if not self._stopping.is_set():
                    log.warning("stream interrupted", stream=self._name, error=repr(error))
            if self._connected.is_set():
                pause_seconds = _FIRST_PAUSE_SECONDS
            self._connected.clear()
            self._stopping.wait(pause_seconds * random.uniform(*_PAUSE_SPREAD))
            pause_seconds = min(pause_seconds * 2, _LONGEST_PAUSE_SECONDS)

    def _converse(self) -> None:
        with connect(
            self._url,
            open_timeout=_OPEN_SECONDS_MAX,
            close_timeout=1,
            max_size=None,
            proxy=None,
            # Some hundred bytes a message: packing them would cost both sides more than it saves.
            compression=None,
        ) as socket:
            self._socket = socket
            # `stop` may have looked for the socket just before there was one.
            if self._stopping.is_set():
                return
            self._greet(Conversation(self._name, socket))
            self._connected.set()
            log.info("stream connected", stream=self._name)
            self._on_connect()
            with suppress(ConnectionClosed):
                while not self._is_stale():
                    self._hear_next(socket)
                log.info("stream opened anew with rotated credentials", stream=self._name)

    def _hear_next(self, socket: Connection) -> None:
        try:
            text = socket.recv(timeout=_LOOK_SECONDS)
        except TimeoutError:
            return  # quiet, no more
        self._on_message(read_json(text))
        with suppress(TimeoutError):
            for _ in range(_TOGETHER_MAX):
                self._on_message(read_json(socket.recv(timeout=0)))
        self.on_quiet()


class Conversation:
    """The first words on a fresh connection."""

    def __init__(self, name: str, socket: Connection) -> None:
        self._name = name
        self._socket = socket

    def hear(self) -> Any:
        """Return the next message, parsed.

        Raises:
            TimeoutError: None came.
            Unreachable: It is not JSON.
        """
        return read_json(self._socket.recv(timeout=_ANSWER_SECONDS_MAX))

    def say(self, text: str) -> None:
        """Send a message."""
        self._socket.send(text)

    def expect(self, condition: bool, what: str, found: object) -> None:
        """Go on only if `condition` holds.

        Raises:
            Unreachable: It does not; the connection is given up.
        """
        if not condition:
            raise Unreachable(
                f"{self._name}: expected {what}, was {found!r}",
                next_step="check the secrets broker_key_id and broker_secret_key",
            )
