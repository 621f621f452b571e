"""SIGKILL a runbook while it works on a host: run again, it finishes what was begun."""

import os
import subprocess
import sys
from datetime import timedelta
from typing import Any

import psycopg
import pytest

from infra.lab.host import LabHost
from tests.fix_stack import PROJECT, Stack
from trading_core.clock import poll, seconds
from trading_core.peers import Peer

pytestmark = [pytest.mark.slow, pytest.mark.lab]

RESTART = "services.restart_service.restart_service('trade_executor', 'drill')"
START = "services.start_service.start_service('trade_executor')"
KILL = "emergency.kill_switch.kill_switch('drill', stop_services=True)"
EXECUTOR_UNIT = "tradeops-trade-executor.service"


@pytest.fixture(scope="module")
def api(stack: Stack) -> str:
    return f"{stack.settings.url('prefect_server')}/api"


@pytest.fixture
def whole(beside_host: tuple[Stack, LabHost], api: str) -> tuple[Stack, LabHost]:
    """Everything running, and trading allowed."""
    stack, host = beside_host
    host.up()
    assert run(stack, api, "services.start_system.start_system()") == 0
    word: dict[str, Any] = {"reason": "the test trades", "actor": "tests"}
    with Peer(stack.settings, "gateway", answer_within=seconds(30)) as gateway:
        if state_of(stack)["breaker"] == "OPEN":
            gateway.post("/api/v1/circuit-breaker/reset", word)
        gateway.post("/api/v1/trading/enable", word | {"resume": True})
    return stack, host


@pytest.mark.parametrize(
    "killed_at", ["ensure_orders_held", "ensure_service_restarted", "ensure_orders_go_on"]
)
def test_a_killed_restart_is_finished_and_orders_go_on(
    whole: tuple[Stack, LabHost], api: str, killed_at: str
) -> None:
    stack, _ = whole
    kill_at(stack, api, RESTART, killed_at)

    assert run(stack, api, RESTART) == 0

    assert state_of(stack)["accepts_orders"]
    assert_every_intent_is_proven(stack, "restart-service/%")


@pytest.mark.parametrize("killed_at", ["ensure_host_prepared", "ensure_service_running"])
def test_a_killed_start_is_finished(whole: tuple[Stack, LabHost], api: str, killed_at: str) -> None:
    stack, host = whole
    host.inside("systemctl", "stop", EXECUTOR_UNIT)
    host.inside("rm", "-f", f"/etc/systemd/system/{EXECUTOR_UNIT}")
    kill_at(stack, api, START, killed_at)

    assert run(stack, api, START) == 0

    assert host.inside("systemctl", "is-active", EXECUTOR_UNIT).stdout == "active\n"
    assert_every_intent_is_proven(stack, "start-service/%")


@pytest.mark.parametrize(
    "killed_at", ["ensure_breaker_open", "ensure_trading_halted", "ensure_service_cut_off"]
)
def test_a_killed_kill_switch_is_finished(
    whole: tuple[Stack, LabHost], api: str, killed_at: str
) -> None:
    stack, host = whole
    kill_at(stack, api, KILL, killed_at)

    assert run(stack, api, KILL) == 0

    assert host.inside("systemctl", "is-active", EXECUTOR_UNIT).stdout == "inactive\n"
    assert_every_intent_is_proven(stack, "kill-switch/drill/%")


def begin(stack: Stack, api: str, call: str) -> "subprocess.Popen[bytes]":
    """Start a runbook in a process of its own, as a worker would."""
    module = call.partition("(")[0].rpartition(".")[0]
    code = f"import flows.{module}; flows.{call}"
    variables = {"PREFECT_API_URL": api}
    return subprocess.Popen(
        [sys.executable, "-c", code],
        cwd=PROJECT,
        env=os.environ | stack.environment | variables,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def run(stack: Stack, api: str, call: str) -> int:
    with begin(stack, api, call) as process:
        return process.wait(timeout=240)


def kill_at(stack: Stack, api: str, call: str, action: str) -> None:
    """Run a runbook, and kill it at the moment it has written down that it will act."""
    known = len(lines(stack, f"%/{action}%"))
    with begin(stack, api, call) as process:
        came = poll(
            lambda: len(lines(stack, f"%/{action}%")) > known,
            within=seconds(120),
            every=timedelta(milliseconds=5),
        )
        process.kill()
    assert came, f"it never came to {action}"


def lines(stack: Stack, like: str) -> list[tuple[str, str]]:
    dsn = stack.settings.secret("operations_dsn").get_secret_value()
    with psycopg.connect(dsn) as connection:
        rows = connection.execute(
            "SELECT key, kind FROM effect_ledger WHERE key LIKE %s ORDER BY seq", [like]
        ).fetchall()
    return [(str(key), str(kind)) for key, kind in rows]


def assert_every_intent_is_proven(stack: Stack, like: str) -> None:
    """The last word on every change is its proof: nothing is left half done or done unseen."""
    last = dict(lines(stack, like))
    assert last
    assert {key: kind for key, kind in last.items() if kind != "proof"} == {}


def state_of(stack: Stack) -> dict[str, Any]:
    with Peer(stack.settings, "trade_executor") as executor:
        state: dict[str, Any] = executor.get("/state")
        return state
