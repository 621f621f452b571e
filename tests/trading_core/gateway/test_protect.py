"""The kill switch on a real core, with more and more of the core gone."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

import pytest

from tests.fix_core import Core
from trading_core import halt_request
from trading_core.broker.client import Broker
from trading_core.clock import poll, seconds
from trading_core.domain.money import CENT
from trading_core.domain.orders import OrderRequest, OrderType, Side
from trading_core.gateway.protect import HaltReport, halt_core, halt_now
from trading_core.halt_request import HaltRequest
from trading_core.settings import Settings

_numbers = count(1)


@pytest.fixture
def core(open_core: Core) -> Iterator[Core]:
    """The core with trading allowed and one order resting at the exchange."""
    open_core.allow_trading()
    order = OrderRequest(
        f"resting-{next(_numbers)}", "ACME", Side.BUY, 10, OrderType.LIMIT, 100 * CENT
    )
    with Broker.of(open_core.settings) as broker:
        broker.submit(order)
        assert len(broker.orders("open")) == 1
    yield open_core
    for name in ("gateway", "trade_executor"):
        if open_core.processes[name].poll() is not None:
            open_core.start(name)
    open_core.await_ready("gateway", "trade_executor")


def step(report: HaltReport, name: str) -> bool:
    return next(step.ok for step in report.steps if step.name == name)


def open_orders(core: Core) -> int:
    with Broker.of(core.settings) as broker:
        return len(broker.orders("open"))


def mode(core: Core) -> str:
    with core.peer("trade_executor") as executor:
        return str(executor.get("/state")["mode"])


@contextmanager
def deaf(core: Core, name: str) -> Iterator[None]:
    core.processes[name].send_signal(signal.SIGSTOP)
    try:
        yield
    finally:
        core.processes[name].send_signal(signal.SIGCONT)


def test_a_halt_goes_through_the_gateway_and_is_seen_to_hold(core: Core) -> None:
    report = halt_now(core.settings, "something is wrong", "dana")
    assert report.confirmed
    assert report.state is not None
    assert (report.state["reason"], report.state["actor"]) == ("something is wrong", "dana")
    assert (report.cancelled, report.open_orders, open_orders(core)) == (1, 0, 0)
    assert step(report, "gateway")
    assert halt_request.pending(core.settings.root) is None


def test_halting_twice_is_halting_once(core: Core) -> None:
    halt_now(core.settings, "something is wrong", "dana")
    again = halt_now(core.settings, "something is still wrong", "dana")
    assert again.confirmed
    assert again.cancelled == 0


def test_without_a_gateway_the_executor_is_halted_directly(core: Core) -> None:
    core.kill("gateway")
    report = halt_now(core.settings, "something is wrong", "dana")
    assert report.confirmed
    assert not step(report, "gateway")
    assert (mode(core), open_orders(core)) == ("halted", 0)


def test_a_deaf_gateway_is_gone_round(core: Core) -> None:
    with deaf(core, "gateway"):
        report = halt_now(core.settings, "something is wrong", "dana")
    assert report.confirmed
    assert not step(report, "gateway")


@pytest.mark.parametrize("gateway_too", [False, True], ids=["gateway alive", "gateway dead"])
def test_without_an_executor_orders_are_cancelled_and_the_next_executor_is_halted(
    core: Core, gateway_too: bool
) -> None:
    core.kill("trade_executor")
    if gateway_too:
        core.kill("gateway")
    report = halt_now(core.settings, "something is wrong", "dana")
    assert report.confirmed
    assert (report.cancelled, report.open_orders, open_orders(core)) == (1, 0, 0)
    assert halt_request.pending(core.settings.root) is not None
    core.start("trade_executor")
    core.await_ready("trade_executor")
    assert poll(lambda: mode(core) == "halted", within=seconds(20))
    assert poll(lambda: halt_request.pending(core.settings.root) is None, within=seconds(20))


def test_a_halt_after_the_breaker_leaves_both_for_the_next_executor(core: Core) -> None:
    core.kill("trade_executor")
    halt_core(core.settings, HaltRequest("volatility", "dana", "breaker"))
    halt_now(core.settings, "something is wrong", "dana")

    core.start("trade_executor")
    core.await_ready("trade_executor")

    with core.peer("trade_executor") as executor, core.peer("gateway") as gateway:
        assert poll(lambda: executor.get("/state")["mode"] == "halted", within=seconds(20))
        assert executor.get("/state")["breaker"] == "OPEN"
        gateway.post("/api/v1/circuit-breaker/reset", {"reason": "next test", "actor": "dana"})


def test_a_deaf_executor_is_not_called_halted_and_is_once_it_hears(core: Core) -> None:
    with deaf(core, "trade_executor"):
        report = halt_now(core.settings, "something is wrong", "dana")
        assert not report.confirmed
        assert report.open_orders == 0
        assert "stop trade_executor by hand" in report.unconfirmed().next_step
    assert poll(lambda: mode(core) == "halted", within=seconds(20))


def test_the_breaker_is_opened_the_same_way_and_closed_only_by_a_reset(core: Core) -> None:
    with core.peer("gateway") as gateway:
        word = {"reason": "volatility", "actor": "dana"}
        report = gateway.post("/api/v1/circuit-breaker/activate", word)
        assert report["confirmed"]
        assert gateway.get("/api/v1/circuit-breaker/status")["breaker"] == "OPEN"
        assert gateway.post("/api/v1/circuit-breaker/reset", word)["state"]["breaker"] == "CLOSED"
        assert gateway.get("/api/v1/state")["trading_enabled"] is False


def test_a_stack_that_is_down_leaves_a_halt_for_its_next_start_and_says_what_it_missed(
    tmp_path: Path, core: Core
) -> None:
    (tmp_path / "secrets").symlink_to(core.settings.secrets_dir)
    nowhere = Settings(
        state_dir=tmp_path, port_offset=0, ports=dict.fromkeys(core.settings.ports, 1)
    )
    report = halt_now(nowhere, "something is wrong", "dana")
    assert not report.confirmed
    assert report.open_orders is None
    assert halt_request.pending(tmp_path) is not None
