"""The thread that keeps a stream open, against a server that does not make it easy."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from websockets.sync.server import Server, ServerConnection, serve

from trading_core.broker.listener import Conversation, Listener
from trading_core.clock import poll, seconds


@dataclass
class Script:
    """What a server says on each connection, one list per connection; then it hangs up.

    The last list is for all further connections, which are kept open.
    """

    connections: list[list[str]]
    opened: int = 0
    url: str = ""
    released: threading.Event = field(default_factory=threading.Event)

    def play(self, socket: ServerConnection) -> None:
        index = min(self.opened, len(self.connections) - 1)
        self.opened += 1
        for text in self.connections[index]:
            socket.send(text)
        if index == len(self.connections) - 1:
            self.released.wait(timeout=30)


@contextmanager
def serving(*connections: list[str]) -> Iterator[Script]:
    script = Script(list(connections))
    server: Server
    with serve(script.play, "127.0.0.1", 0) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        script.url = f"ws://127.0.0.1:{server.socket.getsockname()[1]}"
        try:
            yield script
        finally:
            script.released.set()
            server.shutdown()
            thread.join(timeout=30)


@dataclass
class Heard:
    """What a listener heard, and a handler that can be told to fail."""

    log: list[Any] = field(default_factory=list)
    fails_on: Any = None

    def listener(self, url: str) -> Listener:
        return Listener(
            "test", url, greet=self.greet, on_message=self.message, on_connect=self.connect
        )

    def greet(self, server: Conversation) -> None:
        word = server.hear()
        server.expect(word == "welcome", "a welcome", word)

    def connect(self) -> None:
        self.log.append("connected")

    def message(self, message: Any) -> None:
        if message == self.fails_on:
            self.fails_on = None
            raise RuntimeError("could not be recorded")
        self.log.append(message)


def eventually(heard: Heard, log: list[Any]) -> bool:
    return poll(lambda: heard.log == log, within=seconds(20))


@pytest.fixture
def heard() -> Heard:
    return Heard()


def test_a_lost_connection_is_opened_again_and_caught_up_first(heard: Heard) -> None:
    with serving(['"welcome"', "1", "2"], ['"welcome"', "3"]) as script:
        listener = heard.listener(script.url)
        listener.start()
        assert eventually(heard, ["connected", 1, 2, "connected", 3]), heard.log
        assert listener.connected
        listener.stop()
    assert not listener.connected


def test_a_message_that_could_not_be_recorded_is_made_good_by_connecting_anew(
    heard: Heard,
) -> None:
    heard.fails_on = 2
    with serving(['"welcome"', "1", "2", "3"], ['"welcome"', "3"]) as script:
        listener = heard.listener(script.url)
        listener.start()
        assert eventually(heard, ["connected", 1, "connected", 3]), heard.log
        listener.stop()


@pytest.mark.parametrize("first", [['"go away"'], ["not json"], []])
def test_a_server_that_does_not_welcome_us_is_asked_again(heard: Heard, first: list[str]) -> None:
    with serving(first, ['"welcome"', "1"]) as script:
        listener = heard.listener(script.url)
        listener.start()
        assert eventually(heard, ["connected", 1]), heard.log
        listener.stop()
        assert script.opened == 2


def test_a_server_that_is_not_there_yet_is_found_later(heard: Heard) -> None:
    with serving([]) as script:
        url = script.url
    listener = heard.listener(url)
    listener.start()
    assert not listener.connected
    port = int(url.rpartition(":")[2])
    late = Script([['"welcome"', "1"]])
    with serve(late.play, "127.0.0.1", port) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        assert eventually(heard, ["connected", 1]), heard.log
        listener.stop()
        late.released.set()
        server.shutdown()
        thread.join(timeout=30)


def test_stopping_ends_the_thread_whatever_it_is_doing(heard: Heard) -> None:
    with serving(['"welcome"']) as script:
        listening = heard.listener(script.url)
        listening.start()
        assert eventually(heard, ["connected"])
        listening.stop()
    waiting = heard.listener("ws://127.0.0.1:9")
    waiting.start()
    waiting.stop()
    names = [thread.name for thread in threading.enumerate()]
    assert "test" not in names


def test_a_listener_that_was_never_started_can_be_stopped(heard: Heard) -> None:
    heard.listener("ws://127.0.0.1:9").stop()
