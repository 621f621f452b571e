"""Requests over connections that are kept: as little as an order needs on its way.

An HTTP client that can do everything costs half a millisecond of processor a request, several
times what it takes to write the request and to read the answer. At hundreds of orders a second
that is the most expensive part of the path. The answer is read by Python's own `http.client`.
"""

import select
import socket
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from http.client import HTTPException, HTTPMessage, HTTPResponse
from urllib.parse import urlsplit

import httpx

_PORTS = {"http": 80, "https": 443}
# Whatever can happen to a request under way; what the other side did is then unknown.
BROKEN = (OSError, HTTPException)


@dataclass(frozen=True, slots=True)
class Answer:
    """What the other side said, whole."""

    status: int
    headers: HTTPMessage
    content: bytes


class Wire:
    """Connections to one server, each used by one thread at a time. Nothing is asked twice."""

    def __init__(self, base_url: str, timeout_seconds: float) -> None:
        parts = urlsplit(base_url)
        self._host = parts.hostname or ""
        self._port = parts.port or _PORTS[parts.scheme]
        self._prefix = parts.path.rstrip("/")
        self._timeout_seconds = timeout_seconds
        # Reading the certificates takes 0.1 s, which plain HTTP has no use for.
        self._tls = httpx.create_ssl_context() if parts.scheme == "https" else None
        self._host_header = parts.netloc.rpartition("@")[2]
        self._idle: deque[socket.socket] = deque()
        self._closed = False

    def close(self) -> None:
        """Let go of the connections."""
        self._closed = True
        while self._idle:
            self._idle.pop().close()

    def ask(
        self,
        method: str,
        target: str,
        headers: Mapping[str, str],
        content: bytes = b"",
        timeout_seconds: float | None = None,
    ) -> Answer:
        """Send one request, once, and return its answer.

        Args:
            target: Path and query, encoded.
            timeout_seconds: For connecting, and for each piece of the answer; absent: as
                constructed.

        Raises:
            OSError: There is no connection, it broke, or the time is over.
            HTTPException: The answer is not HTTP, or was cut short.
        """
        within = self._timeout_seconds if timeout_seconds is None else timeout_seconds
        request = self._written(method, target, headers, content)
        connection = self._connection(within)
        try:
            connection.sendall(request)
            response = HTTPResponse(connection, method=method)
            with response:
                response.begin()
                answer = Answer(response.status, response.headers, response.read())
                stays = not response.will_close
        except BaseException:
            connection.close()
            raise
        if stays and not self._closed:
            self._idle.append(connection)
        else:
            connection.close()
        return answer

    def _written(
        self, method: str, target: str, headers: Mapping[str, str], content: bytes
    ) -> bytes:
        fields = {"Host": self._host_header, "Accept": "*/*", **headers}
        if content:
            fields |= {"Content-Type": "application/json"}
        if content or method == "POST":
            fields |= {"Content-Length": str(len(content))}
        lines = [f"{method} {self._prefix}{target} HTTP/1.1"]
        lines += [f"{name}: {value}" for name, value in fields.items()]
        if any("\r" in line or "\n" in line for line in lines):
            raise ValueError(f"request: expected no line break in {method} {target} or its headers")
        return "\r\n".join([*lines, "", ""]).encode("latin-1") + content

    def _connection(self, timeout_seconds: float) -> socket.socket:
        while self._idle:
            try:
                kept = self._idle.pop()
            except IndexError:
                break  # another thread was quicker
            if not _is_readable(kept):
                kept.settimeout(timeout_seconds)
                return kept
            # Nothing was asked on it: the other side has closed it.
            kept.close()
        fresh = socket.create_connection((self._host, self._port), timeout_seconds)
        fresh.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if self._tls is None:
            return fresh
        try:
            return self._tls.wrap_socket(fresh, server_hostname=self._host)
        except BaseException:
            fresh.close()
            raise


def _is_readable(connection: socket.socket) -> bool:
    looking = select.poll()
    looking.register(connection, select.POLLIN)
    return bool(looking.poll(0))
