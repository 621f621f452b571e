"""This combination of Prefect and its libraries makes scheduled runs.

With some versions of them the server starts, looks healthy and never schedules anything. So: a
fresh server on PostgreSQL, a deployment with a schedule, and a run that nobody asked for.
"""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from psycopg.conninfo import conninfo_to_dict

from deployments.orchestrator import Orchestrator
from infra.embedded import prefect
from tests.fix_postgres import PostgresServer, free_port, fresh_database
from tests.fix_stack import settings_for
from trading_core.clock import poll, seconds

pytestmark = pytest.mark.slow


@pytest.fixture
def orchestrator(postgres_server: PostgresServer, tmp_path: Path) -> Iterator[Orchestrator]:
    """A fresh server on an empty database."""
    settings = settings_for(tmp_path, 0)
    port = free_port()
    url = f"http://127.0.0.1:{port}/api"
    with fresh_database(postgres_server, migrated=False) as database:
        login = conninfo_to_dict(database.superuser_dsn.get_secret_value())
        dsn = (
            f"postgresql+asyncpg://{login['user']}:{login.get('password', '')}"
            f"@{login['host']}:{login['port']}/{database.name}"
        )
        variables = {
            **os.environ,
            **prefect.environment(settings),
            "PREFECT_API_URL": url,
            "PREFECT_API_DATABASE_CONNECTION_URL": dsn,
        }
        command = [str(Path(sys.executable).with_name("prefect")), "server", "start"]
        with (tmp_path / "server.log").open("wb") as log:
            server = subprocess.Popen(
                [*command, "--host", "127.0.0.1", "--port", str(port)],
                env=variables,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        try:
            assert poll(lambda: _answers(url), within=seconds(120)), log.name
            with Orchestrator(url) as one:
                yield one
        finally:
            server.terminate()
            server.wait(timeout=30)


def test_a_schedule_makes_a_run_by_itself(orchestrator: Orchestrator) -> None:
    every_ten_seconds = {"schedule": {"interval": 10}, "active": True}
    orchestrator.deploy("canary", {"name": "canary", "schedules": [every_ten_seconds]})
    deployment = orchestrator.deployment("canary")
    assert poll(lambda: bool(orchestrator.runs(deployment)), within=seconds(60))
    assert orchestrator.runs(deployment)[0].state == "SCHEDULED"


def _answers(url: str) -> bool:
    try:
        return httpx.get(f"{url}/health", timeout=2, trust_env=False).is_success
    except httpx.TransportError:
        return False
