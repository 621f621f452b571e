"""Nothing that changes the world is open to whoever knows the address."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI

from trading_core.execution.app import app as executor_app
from trading_core.risk.app import app as risk_app
from trading_core.settings import Settings


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    secrets = {
        "control_token": "token",
        "broker_key_id": "key",
        "broker_secret_key": "secret",
        "trading_dsn": "postgresql://nobody@127.0.0.1:1/nowhere",
        "operations_dsn": "postgresql://nobody@127.0.0.1:1/nowhere",
    }
    (tmp_path / "secrets").mkdir()
    for name, value in secrets.items():
        (tmp_path / "secrets" / name).write_text(value)
    return Settings(state_dir=tmp_path)


def changing_paths(web: FastAPI) -> list[tuple[str, str]]:
    return [
        (method.upper(), path)
        for path, methods in web.openapi()["paths"].items()
        for method in methods
        if method != "get"
    ]


@pytest.mark.parametrize("build", [executor_app, risk_app])
def test_every_request_that_changes_something_needs_the_control_token(
    settings: Settings, build: Callable[[Settings], FastAPI]
) -> None:
    web = build(settings)

    async def answers() -> dict[str, int]:
        transport = httpx.ASGITransport(web)
        async with httpx.AsyncClient(transport=transport, base_url="http://service") as client:
            return {
                path: (await client.request(method, path, json={})).status_code
                for method, path in changing_paths(web)
            }

    found = asyncio.run(answers())
    assert found
    assert set(found.values()) == {401}, found


def test_what_is_counted_is_served_before_anything_was(settings: Settings) -> None:
    web = executor_app(settings)

    async def metrics() -> str:
        transport = httpx.ASGITransport(web)
        async with httpx.AsyncClient(transport=transport, base_url="http://service") as client:
            return (await client.get("/metrics")).text

    text = asyncio.run(metrics())
    assert "risk_circuit_breaker_activations_total 0.0" in text
    assert "order_ack_latency_seconds_count 0.0" in text
    assert "# TYPE risk_checks_failed_total counter" in text
