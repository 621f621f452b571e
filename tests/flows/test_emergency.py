"""Halting works round whatever is down; resuming wants every condition and other people's yes."""

from datetime import timedelta
from typing import Any

import pytest

from flows.emergency.emergency_shutdown import emergency_shutdown
from flows.emergency.liquidate_positions import liquidate_positions
from flows.emergency.resume_trading import resume_trading
from flows.emergency.trading_halt import trading_halt
from flows.trading.change_strategy_parameters import change_strategy_parameters
from tests.fix_approvals import approving
from tests.fix_core import WORD, Core
from tests.fix_incidents import put_on_record
from tests.flows.artifacts import table_of, text_of
from tests.flows.conftest import no_database, no_exchange, no_operations, open_session
from trading_core import halt_request
from trading_core.broker.client import Broker
from trading_core.clock import poll, seconds
from trading_core.errors import CheckFailed, NotVerified


@pytest.fixture(scope="module")
def module_core(worked_on: Core) -> Core:
    """A core at 09:00 of a session."""
    open_session(worked_on)
    return worked_on


@pytest.fixture
def core(module_core: Core) -> Core:
    """A core whose trading is allowed."""
    if trading_state(module_core)["breaker"] == "OPEN":
        with module_core.peer("gateway") as gateway:
            word = {"reason": "next test", "actor": "tests"}
            gateway.post("/api/v1/circuit-breaker/reset", word)
    module_core.allow_trading()
    return module_core


def trading_state(core: Core) -> dict[str, Any]:
    with core.peer("trade_executor") as executor:
        state: dict[str, Any] = executor.get("/state")
        return state


def verdicts(state: Any) -> dict[str, str]:
    return {row["check"]: row["verdict"] for row in table_of(state, "trading-halt")}


BOTH = {"trading halted": "PASS", "open orders cancelled": "PASS"}


def test_a_halt_stops_the_core_and_says_so(core: Core) -> None:
    state = trading_halt("suspected breach", return_state=True)

    assert state.is_completed(), state
    found = trading_state(core)
    assert (found["mode"], found["trading_enabled"]) == ("halted", False)
    assert (found["reason"], found["actor"]) == ("suspected breach", "on-call")
    assert verdicts(state) == BOTH
    assert "Trading halted: suspected breach" in text_of(state, "trading-halt-record")
    kinds = [row["kind"] for row in table_of(state, "trading-halt-ledger")]
    assert kinds == ["intent", "effect", "proof"]


def test_halting_twice_halts_once(core: Core) -> None:
    trading_halt("first")
    again = trading_halt("second", return_state=True)
    assert again.is_completed()
    assert trading_state(core)["reason"] == "first"


def test_a_rehearsed_halt_halts_nothing(core: Core) -> None:
    trading_halt("drill", dry_run=True)
    assert trading_state(core)["trading_enabled"]


def test_a_halt_into_maintenance_is_on_record_with_the_logs_and_nobody_resumes_before_its_end(
    core: Core,
) -> None:
    state = trading_halt("disk swap", maintenance=True, return_state=True)
    assert state.is_completed(), state
    assert trading_state(core)["mode"] == "maintenance"
    assert verdicts(state) == BOTH | {"mode maintenance": "PASS"}
    for name in ("trade_executor", "risk_manager"):
        assert f"log of {name}: " in text_of(state, "trading-halt-record")

    error = resume_trading("all fine", return_state=True).result(raise_on_failure=False)
    assert isinstance(error, CheckFailed)
    assert "maintenance: expected no maintenance" in str(error)
    with core.peer("gateway") as gateway:
        gateway.post("/api/v1/mode/exit", WORD)
    assert trading_state(core)["mode"] == "halted"


def test_a_halt_works_with_the_databases_gone_and_is_in_the_ledger_afterwards(core: Core) -> None:
    with no_database(core), no_operations(core):
        state = trading_halt("database fire", return_state=True)
        assert state.is_completed(), state
        assert trading_state(core)["mode"] == "halted"
    journal = core.settings.root / "runbooks" / "break_glass.jsonl"
    assert "database fire" in journal.read_text()

    with approving(core.operations.owner_dsn):
        resume_trading("it is back", return_state=True)
    assert not journal.exists()


def test_a_halt_works_with_the_executor_dead_and_waits_for_it(core: Core) -> None:
    core.kill("trade_executor")
    try:
        state = trading_halt("executor hangs", return_state=True)
        assert state.is_completed(), state
        assert halt_request.pending(core.settings.root) is not None
    finally:
        core.start("trade_executor")
        core.await_ready("trade_executor")
    found = trading_state(core)
    assert (found["mode"], found["reason"]) == ("halted", "executor hangs")


def test_with_the_exchange_dead_the_core_is_halted_and_the_orders_are_not_confirmed(
    core: Core,
) -> None:
    with no_exchange(core):
        state = trading_halt("broker_down", return_state=True)
        assert verdicts(state) == BOTH | {"open orders cancelled": "FAIL"}
    error = state.result(raise_on_failure=False)
    assert isinstance(error, NotVerified)
    assert "look at the broker's open orders" in error.next_step
    assert trading_state(core)["mode"] == "halted"


def test_a_no_keeps_trading_halted(core: Core) -> None:
    trading_halt("drill")
    with approving(core.operations.owner_dsn, says="no"):
        state = resume_trading("all fine", return_state=True)
    error = state.result(raise_on_failure=False)
    assert isinstance(error, CheckFailed)
    assert "risk manager said no" in str(error)
    assert trading_state(core)["mode"] == "halted"


def test_a_rehearsal_asks_nobody_and_resumes_nothing(core: Core) -> None:
    trading_halt("drill")
    state = resume_trading("all fine", dry_run=True, return_state=True)
    assert state.is_completed(), state
    plan = [row["would"] for row in table_of(state, "resume-trading-plan")]
    assert plan == ["resume trading"]
    assert trading_state(core)["mode"] == "halted"


def test_with_other_peoples_yes_trading_resumes(core: Core) -> None:
    trading_halt("drill")
    with approving(core.operations.owner_dsn):
        state = resume_trading("all fine", return_state=True)
    assert state.is_completed(), state
    assert trading_state(core)["accepts_orders"]
    said = [row["what"] for row in table_of(state, "resume-trading-ledger")]
    assert said == [
        "asked for approval",
        "approved by risk manager and head of trading",
        "resume trading",
        "asked to resume trading",
        "verified: resume trading",
    ]


def test_an_open_breaker_is_reset_and_trading_resumed_as_two_changes(core: Core) -> None:
    with core.peer("trade_executor") as executor:
        executor.post("/halt", {"reason": "loss", "actor": "tests", "kind": "breaker"})
    refused = resume_trading("looked into", return_state=True).result(raise_on_failure=False)
    assert "no incident on record of: breaker OPEN" in str(refused)
    put_on_record(core.operations.app_dsn, "loss")
    with approving(core.operations.owner_dsn):
        state = resume_trading("looked into", return_state=True)
    assert state.is_completed(), state
    assert trading_state(core)["breaker"] == "CLOSED"
    intents = [
        row["what"] for row in table_of(state, "resume-trading-ledger") if row["kind"] == "intent"
    ]
    assert intents == ["reset the circuit breaker", "resume trading"]


def test_a_condition_that_does_not_hold_keeps_trading_halted(core: Core) -> None:
    trading_halt("drill")
    core.kill("strategy_engine")
    try:
        state = resume_trading("all fine", return_state=True)
    finally:
        core.start("strategy_engine")
        core.await_ready("strategy_engine")
    error = state.result(raise_on_failure=False)
    assert isinstance(error, CheckFailed)
    assert "not strategy_engine" in str(error)
    assert trading_state(core)["mode"] == "halted"


def test_parameters_changed_by_others_word_are_taken_back_when_the_account_falls(
    core: Core, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tasks.trading.strategy_parameters._WATCHED_FOR", seconds(0))

    def parameters() -> Any:
        with core.peer("gateway") as gateway:
            return gateway.get("/api/v1/strategies/sma_crossover")["parameters"]

    before = parameters()
    given = ("sma_crossover", "position_size_multiplier=0.5", "wilder market")
    with approving(core.operations.owner_dsn):
        held = change_strategy_parameters(*given, return_state=True)
        assert held.is_completed(), held
        assert parameters() == before | {"position_size_multiplier": "0.5"}
        # That it does not even rise by a hundredth is a fall here.
        again = (given[0], "position_size_multiplier=0.25", given[2], -1.0)
        fell = change_strategy_parameters(*again, return_state=True)
    assert "total return: expected" in str(fell.result(raise_on_failure=False))
    assert parameters() == before | {"position_size_multiplier": "0.5"}
    with core.peer("gateway") as gateway:
        own = {"position_size_multiplier": float(before["position_size_multiplier"])}
        path = "/api/v1/strategies/sma_crossover/parameters"
        gateway.send("PUT", path, body={**WORD, "parameters": own})


def test_a_closed_market_sells_and_halts_nothing(core: Core) -> None:
    state = liquidate_positions("crash", return_state=True)
    error = state.result(raise_on_failure=False)
    assert isinstance(error, CheckFailed)
    assert "expected an open market" in str(error)
    assert trading_state(core)["accepts_orders"]


def test_with_other_peoples_yes_everything_is_sold(core: Core) -> None:
    core.exchange_clock_to("2013-10-07T13:30:00+00:00", plus=timedelta(minutes=1))
    with core.peer("gateway") as gateway, Broker.of(core.settings) as broker:
        gateway.post("/api/v1/orders", {**WORD, "symbol": "ACME", "side": "buy", "quantity": 5})
        assert poll(lambda: bool(broker.positions()), within=seconds(10))
        with approving(core.operations.owner_dsn) as asked:
            state = liquidate_positions("crash", return_state=True)
        assert state.is_completed(), state
        assert broker.positions() == []
    assert [step.does for step in asked[0].plan] == ["sell 5 ACME at the market"]
    assert trading_state(core)["mode"] == "halted"


def test_a_shutdown_goes_on_where_no_supervisor_answers_and_says_so(core: Core) -> None:
    state = emergency_shutdown("breach", return_state=True)
    error = state.result(raise_on_failure=False)
    assert isinstance(error, NotVerified)
    assert "gateway stopped" in str(error)
    found = trading_state(core)
    assert (found["mode"], found["breaker"]) == ("emergency_shutdown", "OPEN")
