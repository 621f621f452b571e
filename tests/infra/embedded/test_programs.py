"""From the table to programs: nothing is forgotten, and what is elsewhere is not run here."""

import json
import shutil
import socket
import subprocess
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest
from pydantic import SecretStr

from infra.embedded import postgres, programs, prometheus, readiness, redis
from tests.fix_postgres import free_port
from trading_core.clock import poll, seconds
from trading_core.errors import ConfigurationError
from trading_core.services import SERVICES, service
from trading_core.settings import Settings


@pytest.fixture
def settings(tmp_path: Path) -> Iterator[Settings]:
    """Settings of a stack that is never started."""
    yield Settings(state_dir=tmp_path, port_offset=1_500)
    for name in (postgres.TRADING, postgres.OPERATIONS):
        postgres.cluster(tmp_path, "127.0.0.1", 0, name=name).remove()


def names(settings: Settings) -> set[str]:
    return {row.name for row in programs.rows(settings)}


def test_every_row_of_the_table_can_be_run(settings: Settings) -> None:
    for row in programs.rows(settings):
        assert programs.program(row, settings).command, row.name


def test_every_module_of_the_table_can_be_started() -> None:
    for row in SERVICES:
        if row.module:
            assert find_spec(f"{row.module}.__main__") is not None, row.name


def test_a_broker_of_ones_own_replaces_the_paper_exchange(settings: Settings) -> None:
    other = settings.model_copy(update={"trading_endpoint": "http://127.0.0.1:1"})
    assert names(settings) - names(other) == {"paper_exchange"}


def test_a_postgresql_of_ones_own_replaces_the_embedded_one(settings: Settings) -> None:
    other = settings.model_copy(update={"postgres_dsn": SecretStr("postgresql://x@127.0.0.1/x")})
    assert names(settings) - names(other) == {"postgres"}


def test_without_prometheus_the_stack_runs_without(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    assert prometheus.program() is None
    assert "prometheus" not in names(settings)


def test_prometheus_scrapes_every_service_of_ours_where_it_is(settings: Settings) -> None:
    jobs = prometheus.scrape_configuration(settings)["scrape_configs"]
    targets = {job["job_name"]: job["static_configs"][0]["targets"] for job in jobs}
    assert targets == {
        row.name: [f"127.0.0.1:{row.port + 1_500}"] for row in SERVICES if row.module
    }


@pytest.mark.needs("promtool")
def test_prometheus_accepts_its_configuration(settings: Settings, tmp_path: Path) -> None:
    file = tmp_path / "prometheus.yml"
    file.write_text(json.dumps(prometheus.scrape_configuration(settings)))
    answer = subprocess.run(
        ["promtool", "check", "config", str(file)], check=False, capture_output=True, text=True
    )
    assert answer.returncode == 0, answer.stdout + answer.stderr


@pytest.mark.parametrize("source", ["system", "wheel"])
def test_redis_answers_on_loopback_from_either_source(
    source: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if source == "wheel":
        monkeypatch.setenv("PATH", "/nowhere")
    elif shutil.which("redis-server") is None:
        pytest.skip("no redis-server of the system")
    port = free_port()
    server = subprocess.Popen(redis.command(tmp_path, "127.0.0.1", port), stdout=subprocess.DEVNULL)
    settings = Settings(state_dir=tmp_path, ports={"redis": port})
    row = service("redis")
    try:
        assert poll(lambda: readiness.is_ready(row, settings, None), within=seconds(10))
        with pytest.raises(ConfigurationError, match=f"port {port} of redis is taken by redis"):
            readiness.refuse_taken_ports([row], settings)
    finally:
        server.terminate()
        server.wait(10)
    readiness.refuse_taken_ports([row], settings)


def test_a_foreign_program_that_listens_is_not_taken_for_redis(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        settings = Settings(state_dir=tmp_path, ports={"redis": listener.getsockname()[1]})
        assert not readiness.is_ready(service("redis"), settings, None)
