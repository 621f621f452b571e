"""Runbooks run here as they do for an operator: real services, a real database, real Prefect."""

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
import pytest
from prefect.settings import (
    PREFECT_API_URL,
    PREFECT_FLOWS_HEARTBEAT_FREQUENCY,
    temporary_settings,
)

from tests.fix_core import WORD, Core, running_core
from tests.fix_postgres import PostgresServer, SomeDatabase, fresh_database, fresh_operations
from tests.fix_stack import Stack


@pytest.fixture(scope="session")
def prefect_api(stack: Stack) -> Iterator[None]:
    """The stack's Prefect. Without the heartbeat a flow ends when it is done."""
    api = f"{stack.settings.url('prefect_server')}/api"
    with temporary_settings({PREFECT_API_URL: api, PREFECT_FLOWS_HEARTBEAT_FREQUENCY: None}):
        yield


@pytest.fixture(scope="module")
def worked_on(
    postgres_server: PostgresServer, prefect_api: None, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Core]:
    """A core for one module's runbooks; this process's environment points at it, as a worker's."""
    root = tmp_path_factory.mktemp("core") / "state"
    with (
        fresh_database(postgres_server) as database,
        fresh_operations(postgres_server) as operations,
        running_core(root, database, operations) as core,
        pytest.MonkeyPatch.context() as environment,
    ):
        owner_dsn = database.owner_dsn.get_secret_value()
        (core.settings.secrets_dir / "owner_dsn").write_text(owner_dsn)
        for name, value in core.settings.environment().items():
            environment.setenv(name, value)
        yield core


def open_session(core: Core, day: str = "2013-10-07", symbols: list[str] | None = None) -> None:
    """Open a synthetic session of a day at 09:00."""
    wanted = {**WORD, "source": "synthetic", "date": day, "seed": 1, "symbols": symbols}
    with core.peer("gateway") as gateway:
        gateway.post("/api/v1/session", wanted)


@contextmanager
def no_database(core: Core) -> Iterator[None]:
    """Take the core's trading database away."""
    try:
        with _closed(core.database):
            yield
    finally:
        core.await_ready("market_data", "risk_manager", "trade_executor", "strategy_engine")


@contextmanager
def no_operations(core: Core) -> Iterator[None]:
    """Take the operations database away, and with it ledger, fences and approvals."""
    with _closed(core.operations):
        yield


@contextmanager
def _closed(database: SomeDatabase) -> Iterator[None]:
    """Let nobody into a database, and throw out whoever is in."""
    dsn = database.superuser_dsn.get_secret_value().replace(database.name, "postgres")
    with psycopg.connect(dsn, autocommit=True) as superuser:
        superuser.execute(f"ALTER DATABASE {database.name} ALLOW_CONNECTIONS false")
        superuser.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s",
            [database.name],
        )
        try:
            yield
        finally:
            superuser.execute(f"ALTER DATABASE {database.name} ALLOW_CONNECTIONS true")


@contextmanager
def no_exchange(core: Core) -> Iterator[None]:
    """Kill the exchange for a while."""
    core.kill("paper_exchange")
    try:
        yield
    finally:
        core.start("paper_exchange")
        core.await_ready("paper_exchange", "market_data", "trade_executor")
