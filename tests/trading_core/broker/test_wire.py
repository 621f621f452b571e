"""Connections that are kept, asked of a server whose every byte is ours."""

import re
import socket
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from http.client import HTTPException

import pytest

from trading_core.broker.wire import Wire, _is_readable
from trading_core.clock import poll, seconds

WHOLE = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nRetry-After: 7\r\n\r\n{}"
CUT_SHORT = b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{}"
# Whole too, and the server hangs up after it without a word.
LAST = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"


class Server:
    """Answers each request with the next of some answers; hangs up after any but `WHOLE`."""

    def __init__(self, answers: list[bytes]) -> None:
        self.answers = answers
        self.requests: list[bytes] = []
        self.connections = 0
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listening.getsockname()[1]}/base"
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        while self.answers:
            with self._listening.accept()[0] as connection:
                self.connections += 1
                while self.answers and (request := _request_on(connection)):
                    self.requests.append(request)
                    answer = self.answers.pop(0)
                    connection.sendall(answer)
                    if answer is not WHOLE:
                        break

    def close(self) -> None:
        self._thread.join(timeout=10)
        self._listening.close()


def _request_on(connection: socket.socket) -> bytes:
    """Return one request, head and content; empty when the other side hung up."""
    received = b""
    while chunk := connection.recv(65536):
        received += chunk
        head, _, content = received.partition(b"\r\n\r\n")
        length = re.search(rb"Content-Length: (\d+)", head)
        if received != head and len(content) == int(length[1] if length else 0):
            return received
    return b""


@contextmanager
def asking(*answers: bytes) -> Iterator[tuple[Server, Wire]]:
    server = Server(list(answers))
    with closing(server), closing(Wire(server.url, timeout_seconds=5)) as wire:
        yield server, wire


def test_one_connection_carries_one_request_after_the_other() -> None:
    with asking(WHOLE, WHOLE, WHOLE) as (server, wire):
        answers = [wire.ask("POST", f"/v2/orders?n={n}", {"Key": "k"}, b"{}") for n in range(3)]
    assert [(one.status, one.content) for one in answers] == [(200, b"{}")] * 3
    assert answers[0].headers["retry-after"] == "7"
    assert server.connections == 1
    head, _, content = server.requests[1].partition(b"\r\n\r\n")
    assert head.startswith(b"POST /base/v2/orders?n=1 HTTP/1.1\r\n")
    assert b"\r\nContent-Length: 2" in head
    assert b"\r\nKey: k" in head
    assert content == b"{}"


def test_a_connection_that_was_closed_meanwhile_is_replaced_unnoticed() -> None:
    with asking(LAST, WHOLE) as (server, wire):
        assert wire.ask("GET", "/", {}).status == 200
        [kept] = wire._idle
        assert poll(lambda: _is_readable(kept), within=seconds(5))
        assert wire.ask("GET", "/", {}).status == 200
    assert server.connections == 2


def test_an_answer_that_is_cut_short_is_none_and_nothing_is_asked_twice() -> None:
    with asking(CUT_SHORT, WHOLE) as (server, wire):
        with pytest.raises(HTTPException):
            wire.ask("POST", "/v2/orders", {}, b"{}")
        assert len(server.requests) == 1
        assert wire.ask("GET", "/", {}).status == 200


def test_a_header_with_a_line_break_is_not_sent() -> None:
    with asking() as (server, wire), pytest.raises(ValueError, match="header"):
        wire.ask("GET", "/", {"Key": "a\r\nOther: b"})
    assert server.connections == 0
