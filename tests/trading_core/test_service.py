"""What every service promises: honest health, guarded changes, JSON logs, a clean end."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from fastapi import Depends, FastAPI

from tests.fix_postgres import free_port
from tests.fix_service import served
from trading_core.clock import poll, seconds
from trading_core.errors import (
    CheckFailed,
    ConfigurationError,
    InvariantViolated,
    NotVerified,
    TradingError,
    Unreachable,
)
from trading_core.health import Health
from trading_core.metrics import Metrics
from trading_core.service import build_app, require_control
from trading_core.settings import Settings

TOKEN = "a-token"
WELL = Health(ok=True, detail="well")
ILL = Health(ok=False, detail="ill")


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets" / "control_token").write_text(f"{TOKEN}\n")
    return Settings(state_dir=tmp_path)


@pytest.fixture
def build(settings: Settings) -> Callable[..., FastAPI]:
    def make(**checks: Callable[[], Health]) -> FastAPI:
        return build_app(
            "gateway", settings, checks=checks, status=lambda: {"orders": 3}, metrics=Metrics()
        )

    return make


def test_health_is_ok_when_every_needed_check_is(build: Callable[..., FastAPI]) -> None:
    spare = Health(ok=False, detail="gone", needed=False)
    with served(build(database=lambda: WELL, cache=lambda: spare)) as client:
        answer = client.get("/health")
    assert (answer.status_code, answer.json()["status"]) == (200, "ok")


def test_one_failed_needed_check_makes_the_service_degraded(build: Callable[..., FastAPI]) -> None:
    with served(build(database=lambda: WELL, broker=lambda: ILL)) as client:
        assert client.get("/health").status_code == 503
        detailed = client.get("/health/detailed")
    assert detailed.status_code == 503
    assert detailed.json()["checks"]["broker"] == {"ok": False, "detail": "ill", "needed": True}


def test_a_check_that_crashes_is_not_healthy(build: Callable[..., FastAPI]) -> None:
    def crash() -> Health:
        raise ZeroDivisionError("division by zero")

    with served(build(broken=crash)) as client:
        answer = client.get("/health/detailed")
    assert answer.status_code == 503
    assert "ZeroDivisionError" in answer.json()["checks"]["broken"]["detail"]


def test_health_is_measured_at_each_question(build: Callable[..., FastAPI]) -> None:
    found = [ILL, WELL]
    with served(build(database=lambda: found.pop(0))) as client:
        assert [client.get("/health").status_code for _ in range(2)] == [503, 200]


def test_status_tells_who_answers_and_adds_the_services_own_facts(
    build: Callable[..., FastAPI],
) -> None:
    with served(build()) as client:
        status = client.get("/status").json()
    assert (status["service"], status["pid"], status["orders"]) == ("gateway", os.getpid(), 3)


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ({}, 401),
        ({"Authorization": "Bearer wrong"}, 401),
        ({"Authorization": f"Basic {TOKEN}"}, 401),
        ({"Authorization": "Bearer \xe9"}, 401),
        ({"Authorization": f"Bearer {TOKEN}"}, 200),
    ],
)
def test_only_the_control_token_opens_what_changes_the_world(
    build: Callable[..., FastAPI], header: dict[str, str], expected: int
) -> None:
    app = build()

    @app.post("/halt", dependencies=[Depends(require_control)])
    def halt() -> dict[str, bool]:
        return {"halted": True}

    raw = [(name.encode(), value.encode("latin-1")) for name, value in header.items()]
    with served(app) as client:
        assert client.post("/halt", headers=raw).status_code == expected


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        (ConfigurationError, 422),
        (CheckFailed, 409),
        (NotVerified, 504),
        (Unreachable, 503),
        (InvariantViolated, 500),
    ],
)
def test_errors_are_answered_with_the_fact_and_the_next_step(
    build: Callable[..., FastAPI], kind: type[TradingError], expected: int
) -> None:
    app = build()

    @app.get("/fails")
    def fails() -> None:
        raise kind("a fact", next_step="a step")

    with served(app) as client:
        answer = client.get("/fails")
    assert answer.status_code == expected
    assert answer.json() == {"code": kind.__name__, "message": "a fact", "next_step": "a step"}


def test_metrics_count_requests_by_path_template(build: Callable[..., FastAPI]) -> None:
    app = build()

    @app.get("/orders/{number}")
    def order(number: int) -> int:
        return number

    with served(app) as client:
        client.get("/orders/1")
        client.get("/orders/2")
        client.get("/nowhere/else")
        text = client.get("/metrics").text
    assert 'http_requests_total{method="GET",path="/orders/{number}",status="200"} 2.0' in text
    assert 'http_requests_total{method="GET",path="unknown",status="404"} 1.0' in text
    assert "process_resident_memory_bytes" in text


def test_a_metric_outside_the_catalogue_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="ordres_total"):
        Metrics().counter("ordres_total")


def test_a_service_without_a_control_token_does_not_start(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="control_token"):
        build_app(
            "gateway", Settings(state_dir=tmp_path), checks={}, status=dict, metrics=Metrics()
        )


_PROGRAM = """
from contextlib import contextmanager
import structlog
from trading_core.metrics import Metrics
from trading_core.service import build_app, serve
from trading_core.settings import Settings

log = structlog.get_logger("test")

@contextmanager
def running():
    log.info("begun", shares=5)
    yield
    log.info("ended")

settings = Settings.read()
serve(
    build_app(
        "gateway", settings, checks={}, status=dict, metrics=Metrics(), running=running()
    ),
    "gateway",
    settings,
)
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_served_process_logs_json_and_ends_cleanly_when_told_to(
    settings: Settings, number: signal.Signals
) -> None:
    placed = settings.model_copy(update={"ports": {"gateway": free_port()}})
    with subprocess.Popen(
        [sys.executable, "-c", _PROGRAM],
        env={**os.environ, **placed.environment()},
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert poll(lambda: _answers(placed.url("gateway")), within=seconds(30))
        process.send_signal(number)
        output, _ = process.communicate(timeout=30)
    lines = [json.loads(line) for line in output.splitlines()]
    assert process.returncode == 0
    ours = [line for line in lines if line["logger"] == "test"]
    assert [line["event"] for line in ours] == ["begun", "ended"]
    assert ours[0]["shares"] == 5
    assert all(line["service"] == "gateway" and line["at"] and line["level"] for line in lines)


def _answers(url: str) -> bool:
    try:
        return httpx.get(f"{url}/health", verify=False).status_code == 200
    except httpx.TransportError:
        return False
