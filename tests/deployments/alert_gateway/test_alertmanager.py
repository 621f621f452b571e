"""The real Alertmanager in front of the real gateway: retries, ends, silences."""

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from threading import Thread
from typing import Any

import httpx
import pytest
import uvicorn

from deployments.alert_gateway.app import alert_gateway_app
from infra.embedded import alertmanager
from tests.deployments.alert_gateway.conftest import CONTROL_TOKEN
from tests.deployments.alert_gateway.test_app import ask_for_test, episodes, no_database
from tests.fix_postgres import OperationsDatabase
from trading_core import halt_request
from trading_core.clock import SystemClock, poll, seconds
from trading_core.settings import Settings

pytestmark = pytest.mark.needs("prometheus-alertmanager")


@contextmanager
def gateway_at_its_port(settings: Settings) -> Iterator[None]:
    """Serve the gateway where the settings say, which is where Alertmanager looks for it."""
    port = settings.port("alert_gateway")
    config = uvicorn.Config(
        alert_gateway_app(settings), host="127.0.0.1", port=port, log_config=None
    )
    server = uvicorn.Server(config)
    thread = Thread(target=server.run, daemon=True)
    thread.start()
    try:
        assert poll(lambda: server.started, within=seconds(30))
        yield
    finally:
        server.should_exit = True
        thread.join(timeout=30)


@pytest.fixture
def manager(settings: Settings) -> Iterator[httpx.Client]:
    """A running Alertmanager with the stack's own configuration, and a client of its API."""
    process = subprocess.Popen(alertmanager.command(settings), stderr=subprocess.DEVNULL)
    try:
        with httpx.Client(base_url=settings.url("alertmanager"), trust_env=False) as client:
            assert poll(lambda: _is_up(client), within=seconds(20))
            yield client
    finally:
        process.terminate()
        process.wait(20)


def _is_up(client: httpx.Client) -> bool:
    try:
        return client.get("/-/healthy").is_success
    except httpx.TransportError:
        return False


def fire(manager: httpx.Client, *, ended: bool = False, **labels: str) -> None:
    """Have an alert fire, or end, as Prometheus would."""
    now = SystemClock().now()
    one: dict[str, Any] = {
        "labels": {"alertname": "CircuitBreakerActive", "severity": "P0", **labels},
        "annotations": {"summary": "a test"},
        "startsAt": datetime(2026, 11, 20, 10, 0, tzinfo=UTC).isoformat(),
        "endsAt": (now if ended else now + timedelta(minutes=5)).isoformat(),
    }
    manager.post("/api/v2/alerts", content=json.dumps([one]), headers=_JSON).raise_for_status()


_JSON = {"Content-Type": "application/json"}


def test_a_delivery_the_database_did_not_take_is_halted_for_and_comes_again_once(
    settings: Settings, manager: httpx.Client, operations_database: OperationsDatabase
) -> None:
    with gateway_at_its_port(settings):
        with no_database(operations_database):
            fire(manager, protect="halt")
            assert poll(lambda: halt_request.pending(settings.root) is not None, within=seconds(20))
            (refused,) = _counts(settings, "503")
            assert refused >= 1
        assert poll(lambda: len(episodes(operations_database)) == 1, within=seconds(40))
        fire(manager, protect="halt", ended=True)
        ended = poll(
            lambda: episodes(operations_database)[0].resolved_at is not None, within=seconds(40)
        )
    assert ended
    (kept,) = episodes(operations_database)
    assert kept.protected_at is not None


def test_a_gateway_that_is_down_gets_the_alert_when_it_is_back(
    settings: Settings, manager: httpx.Client, operations_database: OperationsDatabase
) -> None:
    fire(manager)
    with gateway_at_its_port(settings):
        assert poll(lambda: len(episodes(operations_database)) == 1, within=seconds(40))


def test_what_is_silenced_never_arrives(
    settings: Settings, manager: httpx.Client, operations_database: OperationsDatabase
) -> None:
    url = f"--alertmanager.url={settings.url('alertmanager')}"
    silence = ("silence", "add", "service=gateway", "--comment=upgrade", "--author=on-call")
    subprocess.run(["amtool", url, *silence], check=True, capture_output=True)
    with gateway_at_its_port(settings):
        fire(manager, service="gateway")
        fire(manager, service="market_data")
        assert poll(lambda: bool(episodes(operations_database)), within=seconds(20))
    (kept,) = episodes(operations_database)
    assert kept.labels["service"] == "market_data"


def test_a_test_sent_again_by_a_gateway_started_anew_is_not_held_back(
    settings: Settings, manager: httpx.Client
) -> None:
    """The first is told and never ends, as when the machine stops before it does."""
    headers = {"Authorization": f"Bearer {CONTROL_TOKEN}"}
    url = settings.url("alert_gateway")
    for _ in range(2):
        with (
            gateway_at_its_port(settings),
            httpx.Client(base_url=url, headers=headers, trust_env=False) as client,
        ):
            asked_at = ask_for_test(client)
            fire(manager, alertname="TestAlert", test="shift", asked_at=asked_at)
            assert poll(
                lambda client=client: client.get("/test-alerts/shift").json()["received_at"],  # type: ignore[misc]
                within=seconds(15),
            )


def _counts(settings: Settings, status: str) -> list[float]:
    def lines() -> list[float]:
        text = httpx.get(f"{settings.url('alert_gateway')}/metrics", trust_env=False).text
        wanted = ('path="/alertmanager"', f'status="{status}"', "http_requests_total")
        found = [line for line in text.splitlines() if all(part in line for part in wanted)]
        return [float(line.split()[-1]) for line in found]

    assert poll(lambda: bool(lines()), within=seconds(20))
    return lines()
