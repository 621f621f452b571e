"""One whole stack: one of each process, on loopback only, and each comes back when it is killed."""

import json
import signal
import socket
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from infra.embedded.supervisor import Supervisor
from tests.fix_core import WORD
from tests.fix_stack import Stack, settings_for
from trading_core.clock import poll, seconds
from trading_core.peers import Peer
from trading_core.services import SERVICES

# A boot takes twenty seconds on a quiet machine, and a minute on a busy one.
pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]
BACK_WITHIN = seconds(90)


def family(stack: Stack) -> list[psutil.Process]:
    return Supervisor(stack.settings.root).family()


def ask_gateway(stack: Stack, path: str, body: dict[str, Any] | None = None) -> Any:
    with Peer(stack.settings, "gateway", answer_within=seconds(60)) as gateway:
        return gateway.post(path, body or {})


def test_every_service_of_the_table_is_up_and_ready(stack: Stack) -> None:
    status = stack.status()
    expected = {row.name for row in SERVICES}
    assert expected - set(status) <= {"prometheus"}  # runs where it is installed
    assert {name for name, one in status.items() if not one.ready} == set()


def test_up_twice_is_one_stack(stack: Stack) -> None:
    before = stack.pids()
    again = stack.tradeops("up")
    assert again.returncode == 0, again.stderr
    assert stack.pids() == before


def test_every_process_listens_on_loopback_only(stack: Stack) -> None:
    sockets = [
        (process.name(), connection.laddr.ip)
        for process in family(stack)
        for connection in process.net_connections("inet")
        if (connection.status == psutil.CONN_LISTEN or connection.type == socket.SOCK_DGRAM)
    ]
    assert len(sockets) >= len([row for row in SERVICES if row.port]) - 1
    assert {ip for _, ip in sockets} == {"127.0.0.1"}, sockets


def test_postgresql_does_not_run_as_root(stack: Stack) -> None:
    assert stack.process("postgres").uids().effective != 0


def test_prefects_database_password_stays_with_its_server(stack: Stack) -> None:
    password = stack.settings.secret("prefect_password").get_secret_value()
    assert password in str(stack.process("prefect_server").environ())
    assert password not in str(stack.process("prefect_worker").environ())
    assert password not in " ".join(stack.process("prefect_server").cmdline())


def test_children_can_be_interrupted(stack: Stack) -> None:
    """An ignored SIGINT is inherited; a worker that inherits it never ends on SIGTERM."""
    for name in ("prefect_worker", "prefect_server", "gateway"):
        lines = Path(f"/proc/{stack.process(name).pid}/status").read_text().splitlines()
        ignored = int(next(line.split()[1] for line in lines if line.startswith("SigIgn")), 16)
        assert not ignored & 1 << (signal.SIGINT - 1), name


def test_another_stack_on_taken_ports_is_refused_before_anything_starts(
    stack: Stack, tmp_path: Path
) -> None:
    other = Stack(settings_for(tmp_path, stack.settings.port_offset))
    refused = other.tradeops("up")
    assert refused.returncode == 2
    port = stack.settings.port("gateway")
    assert f"port {port} of gateway is taken by" in refused.stderr
    assert "TRADEOPS_PORT_OFFSET" in refused.stderr
    assert not (tmp_path / "supervisor").exists()
    assert family(other) == []


def test_up_with_other_settings_is_refused_and_changes_nothing(stack: Stack) -> None:
    before = stack.pids()
    changed = stack.settings.model_copy(update={"ports": {"gateway": 31_999}})
    refused = Stack(changed).tradeops("up")
    assert refused.returncode == 2
    assert "it runs with other settings than these" in refused.stderr
    assert stack.pids() == before


@pytest.mark.parametrize("name", ["redis", "market_data", "prefect_worker", "postgres"])
def test_a_killed_service_comes_back(stack: Stack, name: str) -> None:
    victim = stack.process(name)
    victim.kill()
    assert poll(lambda: not victim.is_running(), within=seconds(10))
    assert poll(stack.is_whole, within=BACK_WITHIN, every=seconds(0.5))
    assert stack.process(name).pid != victim.pid


@pytest.mark.needs("prometheus")
def test_prometheus_sees_every_service_of_ours(stack: Stack) -> None:
    ours = {row.name for row in SERVICES if row.module}

    def healthy() -> set[str]:
        answer = httpx.get(stack.settings.url("prometheus") + "/api/v1/targets", timeout=10)
        targets = answer.json()["data"]["activeTargets"]
        return {one["labels"]["job"] for one in targets if one["health"] == "up"}

    assert poll(lambda: healthy() == ours, within=seconds(30)), ours - healthy()


def test_halt_needs_neither_prefect_nor_a_database(stack: Stack) -> None:
    supervisor = Supervisor(stack.settings.root)
    ask_gateway(
        stack, "/api/v1/session", {**WORD, "source": "synthetic", "date": "2024-03-04", "seed": 1}
    )
    absent = ("prefect_worker", "prefect_server", "postgres", "redis")
    for name in absent:
        supervisor.end(name)
    assert poll(
        lambda: all(supervisor.processes()[name].is_down for name in absent), within=seconds(60)
    )
    try:
        halted = stack.tradeops("halt", "--reason", "a drill", "--actor", "tester")
        assert halted.returncode == 0, halted.stdout + halted.stderr
        state = httpx.get(stack.settings.url("trade_executor") + "/state", timeout=10).json()
        assert (state["mode"], state["reason"], state["actor"]) == ("halted", "a drill", "tester")
    finally:
        again = stack.tradeops("up")
    assert again.returncode == 0, again.stderr


def test_status_tells_a_program_and_a_script_what_is_missing(stack: Stack) -> None:
    supervisor = Supervisor(stack.settings.root)
    supervisor.end("strategy_engine")
    assert poll(lambda: supervisor.processes()["strategy_engine"].is_down, within=seconds(30))
    answer = stack.tradeops("status", "--json")
    assert answer.returncode == 1
    found = {one["name"]: one for one in json.loads(answer.stdout)["services"]}
    assert [name for name, one in found.items() if not one["ready"]] == ["strategy_engine"]
    assert found["strategy_engine"]["verdict"] == "critical"
    assert stack.tradeops("up").returncode == 0
    [services] = [
        part
        for part in json.loads(stack.tradeops("status", "--json").stdout)["parts"]
        if part["name"] == "services"
    ]
    assert services["verdict"] == "healthy", services
