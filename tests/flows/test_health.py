"""Looking at everything, and one share down the whole way, as an operator would run them."""

import json
from typing import Any

import pytest

from flows.health.health_check import health_check
from flows.health.monitor_system import monitor_system
from flows.health.smoke_test import smoke_test
from flows.health.watch_errors import watch_errors
from infra.embedded.supervisor import Supervisor
from tests.fakes.mail import running_mail
from tests.fix_core import WORD, Core
from tests.fix_stack import Stack
from tests.flows.artifacts import table_of
from tests.flows.conftest import open_session
from trading_core.broker.client import Broker
from trading_core.clock import poll, seconds
from trading_core.lockstep import MINUTE

pytestmark = pytest.mark.slow

# How busy this machine is, is not what is tested.
BUSY: dict[str, dict[str, float]] = {
    name: {} for name in ("cpu_used_percent", "memory_used_percent", "disk_used_percent")
}


@pytest.fixture
def whole_stack(stack: Stack, prefect_api: None, monkeypatch: pytest.MonkeyPatch) -> Stack:
    """The stack, and this process's environment pointing at it."""
    for name, value in stack.settings.environment().items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("TRADEOPS_INDICATORS", json.dumps(BUSY))
    return stack


def lines_of(**parameters: Any) -> dict[str, dict[str, Any]]:
    state = health_check(return_state=True, **parameters)
    return {row["check"]: row for row in table_of(state, "health-check")}


def test_a_stopped_service_is_the_services_line_and_named(whole_stack: Stack) -> None:
    supervisor = Supervisor(whole_stack.settings.root)
    before = lines_of()
    assert before["services"]["verdict"] == "PASS", before["services"]
    supervisor.end("strategy_engine")
    try:
        assert poll(lambda: supervisor.processes()["strategy_engine"].is_down, within=seconds(30))
        after = lines_of()
    finally:
        supervisor.begin("strategy_engine")
        assert poll(whole_stack.is_whole, within=seconds(120))
    assert after["services"]["verdict"] == "FAIL"
    assert "strategy_engine" in after["services"]["found"]


def test_the_detailed_check_has_every_line_of_the_quick_one_and_more(whole_stack: Stack) -> None:
    lines = lines_of(detailed=True)
    assert {"services", "database load", "redis", "machine", "monitoring"} <= set(lines)
    assert {"uptimes", "links", "latency", "metric points", "configuration"} <= set(lines)
    assert lines["configuration"]["verdict"] == "PASS", lines["configuration"]
    # There is no week of sizes here: not known is a warning that stops nobody, and not green.
    assert lines["room lasts"]["verdict"] == "WARN", lines["room lasts"]
    assert "7 are needed" in lines["room lasts"]["found"]


def test_errors_are_watched_for_as_long_as_asked(whole_stack: Stack) -> None:
    state = watch_errors(minutes=0.0, percent_max=100.0, return_state=True)
    assert state.is_completed(), state
    [row] = table_of(state, "watch-errors")
    assert (row["verdict"], row["expected"]) == (
        "PASS",
        "at most 100 % of requests failed, for 0 min",
    )


def test_whoever_is_named_hears_by_mail_that_the_machine_passed_a_limit(
    whole_stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    with running_mail() as mail:
        monkeypatch.setenv("TRADEOPS_MAIL_SERVER", mail.address)
        monkeypatch.setenv("TRADEOPS_MAIL_SECURITY", "none")
        monkeypatch.setenv("TRADEOPS_MAIL_FROM", "desk@example.com")
        monkeypatch.setenv("TRADEOPS_MAIL_TO", '["on-call@example.com"]')
        state = monitor_system(
            minutes=10, limits="memory=0.001", tell="mail", test_alert=True, return_state=True
        )

    assert state.is_failed()
    [row] = table_of(state, "monitor-system")
    assert row["verdict"] == "FAIL"
    assert row["found"].startswith("memory used")
    test, trouble = [one.text for one in mail.box.messages]
    assert test == "This is a test of monitor-system"
    assert trouble.startswith("monitor-system of now: NOT READY")
    assert row["found"] in trouble


def test_one_share_goes_the_whole_way_and_comes_back(worked_on: Core) -> None:
    open_session(worked_on)
    worked_on.exchange_clock_to(worked_on.session()["opens_at"], plus=MINUTE)
    worked_on.allow_trading()

    state = smoke_test(return_state=True)

    assert state.is_completed(), state
    with Broker.of(worked_on.settings) as broker:
        [order] = broker.orders("all")
    assert (order.status, order.request.quantity) == ("canceled", 1)
    kinds = [row["kind"] for row in table_of(state, "smoke-test-ledger")]
    assert kinds == ["intent", "effect", "proof"]


def test_a_halted_desk_sends_no_trial_and_the_line_says_why(worked_on: Core) -> None:
    with worked_on.peer("trade_executor") as executor:
        executor.post("/halt", {**WORD, "kind": "halt"})
    with Broker.of(worked_on.settings) as broker:
        before = len(broker.orders("all"))
        state = smoke_test(return_state=True)
        assert len(broker.orders("all")) == before
    assert state.is_failed()
    lines = {row["check"]: row["verdict"] for row in table_of(state, "smoke-test")}
    assert [name for name, verdict in lines.items() if verdict == "FAIL"] == ["circuit breaker"]
