"""An app served for a test on a real port, and a client that speaks to it."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Thread

import httpx
import uvicorn
from fastapi import FastAPI

from trading_core.clock import poll, seconds


@contextmanager
def served(app: FastAPI, **client_options: object) -> Iterator[httpx.Client]:
    """Serve `app` on loopback for the length of a `with` block; lend a client with its address.

    Args:
        client_options: Passed to `httpx.Client`: headers, a timeout.
    """
    listener = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app, log_config=None, access_log=False))
    thread = Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    try:
        assert poll(lambda: server.started or not thread.is_alive(), within=seconds(30))
        assert thread.is_alive(), "the app did not start"
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        with httpx.Client(base_url=url, verify=False, **client_options) as client:  # type: ignore[arg-type]
            yield client
    finally:
        server.should_exit = True
        thread.join(timeout=30)
        listener.close()
