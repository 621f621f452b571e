"""Requests over connections that are kept: as little as an order needs on its way.

An HTTP client that can do everything costs half a millisecond of processor a request, several
times what Python's own `http.client` takes. At hundreds of orders a second that is the most
expensive part of the path.
"""

import select
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException, HTTPMessage, HTTPSConnection
from urllib.parse import urlsplit

import httpx

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
        self._port = parts.port
        self._prefix = parts.path.rstrip("/")
        self._timeout_seconds = timeout_seconds
        # Reading the certificates takes 0.1 s, which plain HTTP has no use for.
        self._tls = httpx.create_ssl_context() if parts.scheme == "https" else None
        self._idle: deque[HTTPConnection] = deque()
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
            ValueError: A header has a line break in it.
        """
        within = self._timeout_seconds if timeout_seconds is None else timeout_seconds
        connection = self._connection(within)
        try:
            connection.request(method, self._prefix + target, content or None, dict(headers))
            response = connection.getresponse()
            answer = Answer(response.status, response.headers, response.read())
        except BaseException:
            connection.close()
            raise
        if response.will_close or self._closed:
            connection.close()
        else:
            self._idle.append(connection)
        return answer

    def _connection(self, timeout_seconds: float) -> HTTPConnection:
        while self._idle:
            try:
                kept = self._idle.pop()
            except IndexError:
                break  # another thread was quicker
            if not _is_readable(kept):
                kept.sock.settimeout(timeout_seconds)
                return kept
            # Nothing was asked on it: the other side has closed it.
            kept.close()
        if self._tls is None:
            return HTTPConnection(self._host, self._port, timeout=timeout_seconds)
        return HTTPSConnection(self._host, self._port, timeout=timeout_seconds, context=self._tls)


def _is_readable(connection: HTTPConnection) -> bool:
    looking = select.poll()
    looking.register(connection.sock, select.POLLIN)
    return bool(looking.poll(0))
