"""Each service is asked on its own, and none is stopped under those that need it."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import pytest
from fastapi import FastAPI

from tasks.kernel import Did, Kind, Run, Verdict, begin
from tasks.services.processes import (
    check_services,
    ensure_service_restarted,
    ensure_service_running,
    ensure_service_stopped,
)
from tasks.trading.control import ServiceHealth
from tests.fakes.core import FakeCore, suffering
from tests.fakes.ledger import DyingLedger, Killed, MemoryLedger
from tests.fakes.services import FakeProcesses
from tests.fix_postgres import free_port
from tests.fix_service import served
from trading_core.clock import SystemClock, seconds
from trading_core.errors import CheckFailed, NotVerified, Unreachable
from trading_core.services import SERVICES, Group, in_group
from trading_core.settings import Settings

CORE = [row.name for row in in_group(Group.CORE)]


def test_five_services_well_is_five_of_five() -> None:
    result = check_services.fn(FakeCore())
    assert (result.verdict, result.found) == (Verdict.PASS, "5 of 5 services well")
    assert result.evidence == dict.fromkeys(CORE, "well")


@pytest.mark.parametrize("name", CORE)
def test_any_one_service_that_does_not_answer_is_named(name: str) -> None:
    core = FakeCore()
    core.services[name] = ServiceHealth(name, answered=False, failed={}, detail="no answer")

    result = check_services.fn(core)

    assert result.verdict is Verdict.FAIL
    assert result.found == f"4 of 5 services well, not {name}"


def test_a_service_with_a_trouble_of_its_own_fails() -> None:
    core = FakeCore()
    core.services["trade_executor"] = suffering("trade_executor", stream="not connected")
    assert check_services.fn(core).verdict is Verdict.FAIL


def test_suffering_from_the_database_or_the_exchange_is_unknown_and_names_the_line() -> None:
    core = FakeCore()
    core.services["trade_executor"] = suffering("trade_executor", exchange="gone", stream="gone")
    core.services["market_data"] = suffering("market_data", database="gone")

    result = check_services.fn(core)

    assert result.verdict is Verdict.UNKNOWN
    assert result.found == "not measured, because broker account and database is red"


def test_a_dead_service_shows_although_the_others_suffer_from_the_database() -> None:
    core = FakeCore()
    core.services = {name: suffering(name, database="gone") for name in CORE}
    core.services["gateway"] = ServiceHealth("gateway", answered=False, failed={}, detail="dead")

    result = check_services.fn(core)

    assert (result.verdict, result.found) == (Verdict.FAIL, "4 of 5 services well, not gateway")


def test_a_service_is_not_started_before_what_it_depends_on(run: Run) -> None:
    processes = FakeProcesses(stopped=("gateway",))
    nowhere = Settings(ports={row.name: free_port() for row in SERVICES})

    with pytest.raises(CheckFailed, match=r"gateway: expected postgres, .*redis ready first"):
        ensure_service_running.fn(nowhere, processes, "gateway")

    assert processes.commands == []


def test_a_service_is_stopped_once_and_proven_gone(run: Run, ledger: MemoryLedger) -> None:
    processes = FakeProcesses("strategy_engine")

    first = ensure_service_stopped.fn(processes, "strategy_engine")
    again = ensure_service_stopped.fn(processes, "strategy_engine")

    assert (first.did, again.did) == (Did.CHANGED, Did.NOTHING)
    assert processes.commands == ["stop strategy_engine"]
    assert ledger.records[0].facts["approved_by"] == "bob"


def test_a_service_others_need_is_not_stopped(run: Run) -> None:
    processes = FakeProcesses(*CORE)

    with pytest.raises(CheckFailed, match=r"market_data: .* needed by risk_manager, strategy"):
        ensure_service_stopped.fn(processes, "market_data")

    assert processes.commands == []


def test_a_service_that_will_not_stop_is_not_believed_stopped(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    processes = FakeProcesses("strategy_engine")
    processes.stubborn.add("strategy_engine")
    monkeypatch.setattr("tasks.services.processes._STOPPED_WITHIN", seconds(0))

    with pytest.raises(NotVerified, match="stop strategy_engine: not visible"):
        ensure_service_stopped.fn(processes, "strategy_engine")


def test_in_stop_order_every_service_can_be_stopped(run: Run) -> None:
    processes = FakeProcesses(*CORE)
    for row in reversed(in_group(Group.CORE)):
        ensure_service_stopped.fn(processes, row.name)
    assert processes.commands == [f"stop {name}" for name in reversed(CORE)]


@pytest.fixture
def answering() -> Iterator[Settings]:
    """The settings of a stack whose exchange, which depends on nothing, answers that it is well."""
    app = FastAPI()
    app.get("/health")(lambda: {"status": "ok"})
    with served(app) as client:
        yield Settings(ports={"paper_exchange": client.base_url.port or 0})


def test_a_restarted_service_is_another_process(
    answering: Settings, run: Run, ledger: MemoryLedger
) -> None:
    processes = FakeProcesses("paper_exchange")

    outcome = ensure_service_restarted.fn(answering, processes, "paper_exchange")

    assert (outcome.did, outcome.value) == (Did.CHANGED, "process 1 since 0")
    assert processes.commands == ["stop paper_exchange", "start paper_exchange"]
    assert ledger.kinds() == ["intent", "effect", "proof"]


def test_a_service_that_is_down_is_restarted_by_starting_it(answering: Settings, run: Run) -> None:
    processes = FakeProcesses(stopped=("paper_exchange",))
    assert ensure_service_restarted.fn(answering, processes, "paper_exchange").changed
    assert processes.commands[-1] == "start paper_exchange"


def test_restarting_twice_is_two_restarts(answering: Settings, run: Run) -> None:
    processes = FakeProcesses("paper_exchange")
    for _ in range(2):
        assert ensure_service_restarted.fn(answering, processes, "paper_exchange").changed


@pytest.mark.parametrize("line", [0, 1, 2])
@pytest.mark.parametrize("written", [True, False])
def test_a_restart_killed_anywhere_is_made_once(
    answering: Settings, run: Run, ledger: MemoryLedger, line: int, written: bool
) -> None:
    processes = FakeProcesses("paper_exchange")
    dying = replace(run, ledger=DyingLedger(ledger, line, written=written))
    with pytest.raises(Killed), begin(dying):
        ensure_service_restarted.fn(answering, processes, "paper_exchange")

    again = ensure_service_restarted.fn(answering, processes, "paper_exchange")

    # Killed after the proof was written the first restart is whole, and this is another one.
    whole = line == 2 and written
    assert processes.commands.count("start paper_exchange") == (2 if whole else 1)
    assert again.changed is (line == 0 or whole)
    assert ledger.kinds()[-1] == "proof"


def test_a_process_that_began_after_the_incident_is_restarted_already(
    answering: Settings, run: Run
) -> None:
    processes = FakeProcesses("paper_exchange")
    before = SystemClock().now() - timedelta(minutes=1)

    outcome = ensure_service_restarted.fn(answering, processes, "paper_exchange", since=before)

    assert outcome.did is Did.NOTHING
    assert processes.commands == []


def test_nothing_is_stopped_for_a_restart_that_could_not_start(run: Run) -> None:
    processes = FakeProcesses("gateway")
    nowhere = Settings(ports={row.name: free_port() for row in SERVICES})

    with pytest.raises(CheckFailed, match=r"gateway: expected postgres, .*redis ready first"):
        ensure_service_restarted.fn(nowhere, processes, "gateway")

    assert processes.commands == []


def test_what_runs_on_a_host_that_does_not_answer_is_neither_stopped_nor_running(
    run: Run, ledger: MemoryLedger
) -> None:
    processes = FakeProcesses("trade_executor")
    processes.lose("trade_executor")

    with pytest.raises(Unreachable, match=r"trade_executor: expected to see whether it runs"):
        ensure_service_stopped.fn(processes, "trade_executor")
    with pytest.raises(CheckFailed, match=r"risk_manager: .* needed by trade_executor"):
        ensure_service_stopped.fn(processes.with_running("risk_manager"), "risk_manager")

    assert processes.commands == []
    assert [record.kind for record in ledger.records if record.kind == Kind.PROOF] == []


def test_a_program_nobody_runs_is_named(run: Run) -> None:
    with pytest.raises(CheckFailed, match="gateway: expected a program of the supervisor"):
        ensure_service_stopped.fn(FakeProcesses(), "gateway")
