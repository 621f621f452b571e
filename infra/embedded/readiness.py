"""How each service of the table proves that it is ready: by an answer, not by a running process."""

import socket
from collections.abc import Iterable
from contextlib import suppress

import httpx
import psutil

from infra.embedded import postgres, prefect, roles
from infra.embedded.supervisor import ProcessState, State
from trading_core.errors import ConfigurationError, TradingError
from trading_core.services import Service
from trading_core.settings import Settings

_ANSWER_WITHIN_SECONDS = 2


def is_ready(row: Service, settings: Settings, process: ProcessState | None) -> bool:
    """Whether a service answers as it does once it can work.

    Args:
        row: The service.
        settings: Where it is.
        process: What supervisord says of it; None when it is not run here.
    """
    if process is not None and process.state not in (State.STARTING, State.RUNNING):
        return False
    if row.ready_path:
        return _answers_http(settings.url(row.name) + row.ready_path)
    if row.name == postgres.TRADING:
        return _answers_sql(settings, roles.TRADING_SERVER)
    if row.name == postgres.OPERATIONS:
        return _answers_sql(settings, roles.OPERATIONS_SERVER)
    if row.name == "redis":
        return _answers_ping(settings.host, settings.port(row.name))
    return prefect.worker_is_online(settings, since=process.started if process else 0)


def refuse_taken_ports(rows: Iterable[Service], settings: Settings) -> None:
    """Make sure that nobody listens where these services are about to.

    Raises:
        ConfigurationError: Names every port that is taken, its service and the variable to set.
    """
    taken = [
        row for row in rows if row.port and not _is_free(settings.host, settings.port(row.name))
    ]
    if not taken:
        return
    facts = "; ".join(
        f"port {settings.port(row.name)} of {row.name} is taken{_by(settings.port(row.name))}"
        for row in taken
    )
    first = taken[0].name
    raise ConfigurationError(
        f"ports: {facts}",
        next_step="stop the other program, move this whole stack with TRADEOPS_PORT_OFFSET, or one "
        f"service with TRADEOPS_PORTS='{{\"{first}\": PORT}}'",
    )


def _answers_http(url: str) -> bool:
    try:
        # No certificates for a plain address of this machine: loading them takes 0.1 s each time.
        answer = httpx.get(url, timeout=_ANSWER_WITHIN_SECONDS, trust_env=False, verify=False)
    except httpx.HTTPError:
        return False
    return answer.status_code == httpx.codes.OK


def _answers_sql(settings: Settings, server: roles.Server) -> bool:
    try:
        return postgres.answers(settings.secret(server.superuser_secret).get_secret_value())
    except TradingError:
        return False


def _answers_ping(host: str, port: int) -> bool:
    try:
        with socket.create_connection((host, port), timeout=_ANSWER_WITHIN_SECONDS) as link:
            link.sendall(b"PING\r\n")
            # With a password it answers that too, and we need nothing of it.
            return link.recv(16).startswith((b"+PONG", b"-NOAUTH"))
    except OSError:
        return False


def _is_free(host: str, port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
        return True


def _by(port: int) -> str:
    """Return who listens on a port, in words; empty when we are not allowed to see it."""
    with suppress(psutil.Error, StopIteration):
        pid = next(
            c.pid
            for c in psutil.net_connections("tcp")
            if c.status == psutil.CONN_LISTEN and c.laddr and c.laddr.port == port and c.pid
        )
        return f" by {psutil.Process(pid).name()} (process {pid})"
    return ""
