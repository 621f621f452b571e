"""A network link that can be cut: bytes are passed on both ways until it is, and then nothing is.

Cut, it neither refuses nor closes: whoever waits for an answer goes on waiting, as behind a
switch that lost its power.
"""

import socket
from threading import Event, Thread
from typing import Self


class Link:
    """Passes TCP connections on to a port of this machine. A context manager."""

    def __init__(self, port: int) -> None:
        self._to = port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._cut = Event()
        self._open: list[socket.socket] = []

    @property
    def port(self) -> int:
        """Where to connect to."""
        port: int = self._listener.getsockname()[1]
        return port

    def __enter__(self) -> Self:
        Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_exit: object) -> None:
        self._listener.close()
        for one in self._open:
            one.close()

    def cut(self) -> None:
        """Let nothing through any more."""
        self._cut.set()

    def mend(self) -> None:
        """Let new connections through; those of before are gone."""
        for one in self._open:
            one.close()
        self._open.clear()
        self._cut.clear()

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            self._open.append(near)
            if self._cut.is_set():
                continue  # taken by the kernel, answered by nobody
            far = socket.create_connection(("127.0.0.1", self._to))
            self._open.append(far)
            for source, sink in ((near, far), (far, near)):
                Thread(target=self._pass_on, args=(source, sink), daemon=True).start()

    def _pass_on(self, source: socket.socket, sink: socket.socket) -> None:
        try:
            while data := source.recv(65536):
                if self._cut.is_set():
                    return
                sink.sendall(data)
            sink.shutdown(socket.SHUT_WR)
        except OSError:
            return
