"""The core stops and starts in order, trading first, and the infrastructure is left alone."""

from collections.abc import Iterator
from typing import Any

import pytest

from flows.services.start_system import start_system
from flows.services.stop_system import stop_system
from infra.embedded.supervisor import Supervisor
from tests.deployments.fix_desk import clear_desk
from tests.faults.session import session_on
from tests.fix_approvals import approving
from tests.fix_stack import Stack
from tests.flows.artifacts import left_by, table_of
from trading_core.clock import poll, seconds
from trading_core.errors import CheckFailed
from trading_core.peers import Peer
from trading_core.services import SERVICES, Group, in_group

pytestmark = pytest.mark.slow

CORE = [row.name for row in in_group(Group.CORE)]
OTHERS = [row.name for row in SERVICES if row.group is not Group.CORE]


@pytest.fixture(scope="module")
def own(stack: Stack, prefect_api: None) -> Iterator[Stack]:
    """The stack in a session at 09:00, trading allowed; what a test left stopped runs again."""
    clear_desk(stack)
    with session_on(stack) as session, pytest.MonkeyPatch.context() as environment:
        session.open()
        for name, value in stack.settings.environment().items():
            environment.setenv(name, value)
        yield stack
    supervisor = Supervisor(stack.settings.root)
    for name in [name for name, is_ready in ready(stack, CORE).items() if not is_ready]:
        supervisor.begin(name)
    assert poll(stack.is_whole, within=seconds(120)), stack.status()


def ready(stack: Stack, names: list[str]) -> dict[str, bool]:
    found = stack.status()
    return {name: found[name].ready for name in names if name in found}


def changes(state: Any, runbook: str) -> list[str]:
    rows = table_of(state, f"{runbook}-ledger")
    return [row["what"] for row in rows if row["kind"] == "intent"]


def test_nothing_stops_when_somebody_says_no(own: Stack) -> None:
    with approving(own.settings.secret("operations_owner_dsn"), says="no"):
        state = stop_system("maintenance", return_state=True)
    assert isinstance(state.result(raise_on_failure=False), CheckFailed)
    assert all(ready(own, CORE).values())


def test_a_rehearsal_says_what_would_stop_and_stops_nothing(own: Stack) -> None:
    state = stop_system("maintenance", dry_run=True, return_state=True)
    plan = [row["would"] for row in table_of(state, "stop-system-plan")]
    assert plan == ["halt trading", *(f"stop {name}" for name in reversed(CORE))]
    assert all(ready(own, CORE).values())


def test_the_core_stops_in_order_and_nothing_else(own: Stack) -> None:
    before = {name: own.pids()[name] for name in OTHERS if name in own.pids()}
    with approving(own.settings.secret("operations_owner_dsn")):
        state = stop_system("maintenance", return_state=True)

    assert state.is_completed(), state
    stops = [f"stop {name}" for name in reversed(CORE)]
    assert changes(state, "stop-system") == ["halt trading", *stops]
    assert not any(ready(own, CORE).values())
    assert {name: own.pids()[name] for name in before} == before


def test_the_core_starts_in_order_and_trading_stays_halted(own: Stack) -> None:
    state = start_system(return_state=True)

    assert state.is_completed(), state
    assert changes(state, "start-system") == [f"start {name}" for name in CORE]
    assert all(ready(own, CORE).values())
    with Peer(own.settings, "trade_executor") as executor:
        assert executor.get("/state")["mode"] == "halted"


def test_starting_what_runs_changes_nothing(own: Stack) -> None:
    state = start_system(dry_run=True, return_state=True)
    assert state.is_completed(), state
    assert "start-system-plan" not in left_by(state)
