"""From the service table to programs a supervisor can run.

Which rows run here follows from the settings: a broker or a PostgreSQL of one's own replaces the
embedded one, and Prometheus runs where it is installed.
"""

import signal
import sys
from collections.abc import Callable
from dataclasses import dataclass

from infra.embedded import alertmanager, cloud, postgres, prometheus, redis
from trading_core.errors import ConfigurationError
from trading_core.services import Service, start_order
from trading_core.settings import Settings

_STOP_WITHIN_SECONDS = 10
# What must finish more than a request before it leaves.
_STOP_WITHIN_SECONDS_OF = {"incident_runner": 50}


@dataclass(frozen=True, slots=True)
class Program:
    """One process to keep alive.

    Attributes:
        command: Program and arguments.
        user: Account to run it under; empty is ours.
        stop_signal: What asks it to stop.
        stop_within_seconds: After this long it is killed.
    """

    name: str
    command: tuple[str, ...]
    user: str = ""
    stop_signal: signal.Signals = signal.SIGTERM
    stop_within_seconds: int = _STOP_WITHIN_SECONDS


def rows(settings: Settings) -> tuple[Service, ...]:
    """Return the services this stack runs itself, in start order."""
    elsewhere = {
        "postgres": settings.postgres_dsn is not None,
        "operations_db": settings.operations_postgres_dsn is not None,
        "paper_exchange": settings.trading_endpoint is not None,
        "cloud": settings.aws_endpoint is not None,
        "prometheus": prometheus.program() is None,
        "alertmanager": alertmanager.program() is None,
    }
    return tuple(
        row
        for row in start_order()
        if settings.is_here(row.name)
        and not elsewhere.get(row.name, False)
        and (row.is_of_site or not settings.shares_operations)
    )


def program(row: Service, settings: Settings) -> Program:
    """Return how to run one service of the table; files it needs to start are written.

    Raises:
        ConfigurationError: Its programs are missing, or nobody wrote down how to run it.
    """
    if row.module:
        within_seconds = _STOP_WITHIN_SECONDS_OF.get(row.name, _STOP_WITHIN_SECONDS)
        module = (sys.executable, "-m", row.module)
        return Program(row.name, module, stop_within_seconds=within_seconds)
    if row.name in (postgres.TRADING, postgres.OPERATIONS):
        return _postgres(row.name, settings)
    others: dict[str, Callable[[], tuple[str, ...]]] = {
        "redis": lambda: redis.command(settings.root, settings.host, settings.port("redis")),
        "cloud": lambda: cloud.command(settings.host, settings.port("cloud")),
        "prometheus": lambda: prometheus.command(settings),
        "alertmanager": lambda: alertmanager.command(settings),
    }
    if row.name in others:
        return Program(row.name, others[row.name]())
    parts = {"prefect_server": "server", "prefect_worker": "worker"}
    if row.name in parts:
        command = (sys.executable, "-m", "infra.embedded.prefect", parts[row.name])
        return Program(row.name, command, stop_within_seconds=20)
    raise ConfigurationError(
        f"service {row.name}: expected a module in the table or a command here, found neither",
        next_step="add it to infra/embedded/programs.py",
    )


def _postgres(name: str, settings: Settings) -> Program:
    cluster = postgres.cluster(settings.root, settings.host, settings.port(name), name=name)
    cluster.create()
    cluster.admit_neighbours()
    return Program(
        name,
        cluster.command(),
        user=cluster.run_as.name if cluster.run_as is not None else "",
        stop_signal=signal.SIGINT,  # fast shutdown: ends sessions, keeps everything committed
        stop_within_seconds=30,
    )
