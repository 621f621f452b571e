"""SIGKILL a runbook while it works on a host: run again, it finishes what was begun."""

from typing import Any

import pytest

from infra.lab.host import LabHost
from tests.faults.killed_run import Place
from tests.faults.killing import Runs, after_act, before_act, between, name_of
from tests.fix_stack import Stack
from trading_core.clock import seconds
from trading_core.peers import Peer

pytestmark = [pytest.mark.slow, pytest.mark.lab]

EXECUTOR = "trade_executor"
EXECUTOR_UNIT = "tradeops-trade-executor.service"


@pytest.fixture(scope="module")
def beside(
    beside_host: tuple[Stack, LabHost], stack: Stack, tmp_path_factory: pytest.TempPathFactory
) -> Runs:
    """Runs on a core whose market data and executor are on a host."""
    api = f"{stack.settings.url('prefect_server')}/api"
    return Runs(beside_host[0], api, tmp_path_factory.mktemp("runs-beside"))


@pytest.fixture
def host(beside_host: tuple[Stack, LabHost]) -> LabHost:
    return beside_host[1]


@pytest.fixture
def whole(beside: Runs, host: LabHost) -> Runs:
    """Everything running, and trading allowed."""
    host.up()
    beside.finish("start-system", {})
    word: dict[str, Any] = {"reason": "the test trades", "actor": "tests"}
    with Peer(beside.stack.settings, "gateway", answer_within=seconds(30)) as gateway:
        if state_of(beside)["breaker"] == "OPEN":
            gateway.post("/api/v1/circuit-breaker/reset", word)
        gateway.post("/api/v1/trading/enable", word | {"resume": True})
    return beside


@pytest.mark.parametrize(
    "place",
    [
        between("ensure_orders_held"),
        after_act(f"ensure_service_restarted/{EXECUTOR}"),
        before_act("ensure_orders_go_on"),
    ],
    ids=name_of,
)
def test_a_killed_restart_is_finished_and_orders_go_on(whole: Runs, place: Place) -> None:
    given = {"service": EXECUTOR, "reason": "drill"}

    # A restart that was proven is over: whoever asks for one after it gets one.
    with whole.each_change_made_once("restart-service", save=["ensure_service_restarted"]):
        whole.kill("restart-service", given, place)
        whole.finish("restart-service", given)

    assert state_of(whole)["accepts_orders"]


@pytest.mark.parametrize(
    "place",
    [
        after_act(f"ensure_host_prepared/{EXECUTOR}"),
        between(f"ensure_host_prepared/{EXECUTOR}"),
        before_act(f"ensure_service_running/{EXECUTOR}"),
    ],
    ids=name_of,
)
def test_a_killed_start_is_finished(whole: Runs, host: LabHost, place: Place) -> None:
    host.inside("systemctl", "stop", EXECUTOR_UNIT)
    host.inside("rm", "-f", f"/etc/systemd/system/{EXECUTOR_UNIT}")

    with whole.each_change_made_once("start-service"):
        whole.kill("start-service", {"service": EXECUTOR}, place)
        whole.finish("start-service", {"service": EXECUTOR})

    assert host.inside("systemctl", "is-active", EXECUTOR_UNIT).stdout == "active\n"


# Over HTTP to an executor that runs; over SSH to systemd, and where only the host is there to ask.
@pytest.mark.parametrize(
    ("executor", "place"),
    [
        ("active", before_act("ensure_breaker_open")),
        ("active", between("ensure_trading_halted")),
        ("active", after_act(f"ensure_service_cut_off/{EXECUTOR}")),
        ("inactive", between("ensure_breaker_open")),
        ("inactive", after_act("ensure_breaker_open")),
        ("inactive", before_act("ensure_service_cut_off/market_data")),
    ],
    ids=name_of,
)
def test_a_killed_kill_switch_is_finished(
    whole: Runs, host: LabHost, executor: str, place: Place
) -> None:
    given = {"reason": "drill", "stop_services": True}
    if executor == "inactive":
        host.inside("systemctl", "stop", EXECUTOR_UNIT)

    # An executor that is gone cannot say that it was stopped: a second run leaves it word again.
    with whole.each_change_made_once(
        "kill-switch", save=["ensure_breaker_open", "ensure_trading_halted"]
    ):
        whole.kill("kill-switch", given, place)
        whole.finish("kill-switch", given)

    assert host.inside("systemctl", "is-active", EXECUTOR_UNIT).stdout == "inactive\n"
    # Whether it took both or found them on its host's disk: it comes back halted and tripped.
    whole.finish("start-system", {})
    state = state_of(whole)
    assert (state["mode"], state["breaker"]) == ("halted", "OPEN")


def state_of(runs: Runs) -> dict[str, Any]:
    with Peer(runs.stack.settings, EXECUTOR) as executor:
        state: dict[str, Any] = executor.get("/state")
        return state
