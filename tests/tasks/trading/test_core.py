"""Enabling is polite, halting is not: only a gated change ends a halt or closes a breaker."""

from pathlib import Path
from typing import Any

import pytest

from tasks.kernel import Did, Run, Verdict, begin
from tasks.trading.core import (
    check_circuit_breaker,
    ensure_breaker_closed,
    ensure_breaker_open,
    ensure_emergency_shutdown,
    ensure_maintenance_mode,
    ensure_session_paused,
    ensure_trading_enabled,
    ensure_trading_halted,
    ensure_trading_resumed,
)
from tests.fakes.core import FakeCore
from tests.fakes.ledger import MemoryLedger
from tests.fakes.places import FakePlaces
from tests.fakes.services import FakeProcesses
from tests.fix_postgres import free_port
from trading_core import halt_request
from trading_core.clock import seconds
from trading_core.domain.state import Breaker, TradingState
from trading_core.errors import CheckFailed, NotVerified, Unreachable
from trading_core.execution.control import HaltKind
from trading_core.halt_request import HaltRequest
from trading_core.settings import Settings

EXECUTOR = "trade_executor"


def test_a_closed_breaker_passes() -> None:
    assert check_circuit_breaker.fn(FakeCore()).verdict is Verdict.PASS


def test_an_open_breaker_fails_and_is_left_open() -> None:
    core = FakeCore()
    core.halt("loss of the day", HaltKind.BREAKER)

    result = check_circuit_breaker.fn(core)

    assert result.verdict is Verdict.FAIL
    assert result.found == "breaker OPEN by somebody: loss of the day"
    assert core.trading.breaker is Breaker.OPEN
    assert core.words == []


def test_a_halt_fails_too() -> None:
    core = FakeCore()
    core.halt("drill")
    assert check_circuit_breaker.fn(core).found == "halted by somebody: drill"


def test_enabling_twice_sends_one_word(run: Run, ledger: MemoryLedger) -> None:
    core = FakeCore()

    first = ensure_trading_enabled.fn(core, "all green")
    again = ensure_trading_enabled.fn(core, "all green")

    assert (first.did, again.did) == (Did.CHANGED, Did.NOTHING)
    assert again.sentence == "trading was enabled by ann: all green"
    assert core.words == ["enable: all green"]
    assert core.trading.fence == 7
    assert ledger.kinds() == ["intent", "effect", "proof"]


@pytest.mark.parametrize("kind", list(HaltKind))
def test_enabling_never_ends_a_halt_or_closes_a_breaker(run: Run, kind: HaltKind) -> None:
    core = FakeCore()
    core.halt("drill", kind)

    with pytest.raises(CheckFailed, match="somebody: drill") as stop:
        ensure_trading_enabled.fn(core, "all green")

    assert "resume-trading" in stop.value.next_step
    assert core.words == []


def test_a_core_that_says_yes_and_does_nothing_is_found_out(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    core = FakeCore()
    core.ignores = True
    monkeypatch.setattr("tasks.trading.core._SHOWS_WITHIN", seconds(0))

    with pytest.raises(NotVerified, match="enable trading: not visible"):
        ensure_trading_enabled.fn(core, "all green")


def test_an_answer_lost_on_the_way_is_settled_by_looking(run: Run) -> None:
    core = FakeCore()
    core.drops_answers = True
    assert ensure_trading_enabled.fn(core, "all green").did is Did.CHANGED
    assert core.words == ["enable: all green"]


def test_a_stale_run_cannot_enable_what_a_newer_one_forbade(run: Run) -> None:
    core = FakeCore()
    core.enable("later", "carol", 8, resume=False)
    core.halt()

    with pytest.raises(CheckFailed, match="fence: expected at least 8, was 7"):
        ensure_trading_resumed.fn(core, "all green")


def test_resuming_needs_the_breaker_closed_first(run: Run) -> None:
    core = FakeCore()
    core.halt("loss", HaltKind.BREAKER)

    with pytest.raises(CheckFailed, match="breaker: expected CLOSED, was OPEN"):
        ensure_trading_resumed.fn(core, "looked into")

    ensure_breaker_closed.fn(core, "looked into")
    assert not core.trading.accepts_orders, "closing the breaker enables nothing"
    ensure_trading_resumed.fn(core, "looked into")
    assert core.trading.accepts_orders


def test_resuming_and_resetting_want_a_second_person(ledger: MemoryLedger) -> None:
    core = FakeCore()
    core.halt("loss", HaltKind.BREAKER)

    with begin(Run("resume-trading", "tonight", "run-1", "ann", ledger)):
        with pytest.raises(CheckFailed, match="expected approval by somebody else"):
            ensure_breaker_closed.fn(core, "looked into")
        with pytest.raises(CheckFailed, match="expected approval by somebody else"):
            ensure_trading_resumed.fn(core, "looked into")

    assert core.words == []


class SilentCore(FakeCore):
    """A core whose executor does not answer."""

    def state(self) -> TradingState:
        raise Unreachable("trade_executor: expected an answer", next_step="look at it")


@pytest.fixture
def on_a_host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Settings of a stack whose executor is on a host; neither it nor the exchange is there."""
    monkeypatch.setattr("tasks.trading.core._SHOWS_WITHIN", seconds(0))
    ports = {name: free_port() for name in (EXECUTOR, "paper_exchange")}
    settings = Settings(state_dir=tmp_path, ports=ports, hosts={EXECUTOR: "127.0.0.2"})
    settings.secrets_dir.mkdir()
    for secret in ("control_token", "broker_key_id", "broker_secret_key"):
        (settings.secrets_dir / secret).write_text("a" * 40)
    return settings


@pytest.mark.parametrize(
    "ensure",
    [
        ensure_breaker_open,
        ensure_trading_halted,
        ensure_emergency_shutdown,
        ensure_maintenance_mode,
    ],
)
def test_an_executor_stopped_on_a_host_is_halted_once_the_halt_lies_there(
    run: Run, ledger: MemoryLedger, on_a_host: Settings, ensure: Any
) -> None:
    places = FakePlaces(stopped=(EXECUTOR,))
    places.missing = {EXECUTOR: ["/etc/tradeops/halt_request.json"]}
    places.root = on_a_host.root
    assert ensure.fn(on_a_host, SilentCore(), "runaway", places).did is Did.CHANGED
    assert places.commands == [f"provide {EXECUTOR}"]
    assert ledger.kinds() == ["intent", "effect", "proof"]


@pytest.mark.parametrize("places", [None, FakePlaces(EXECUTOR), FakePlaces(stopped=(EXECUTOR,))])
def test_an_executor_on_a_host_that_may_run_or_finds_no_halt_is_not_taken_for_halted(
    run: Run, ledger: MemoryLedger, on_a_host: Settings, places: FakePlaces | None
) -> None:
    with pytest.raises(NotVerified):
        ensure_breaker_open.fn(on_a_host, SilentCore(), "runaway", places)
    assert ledger.kinds()[-1] == "unproven"


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Settings of a stack whose executor belongs on this machine, and is not there."""
    monkeypatch.setattr("tasks.trading.core._SHOWS_WITHIN", seconds(0))
    ports = {name: free_port() for name in (EXECUTOR, "paper_exchange")}
    settings = Settings(state_dir=tmp_path, ports=ports)
    settings.secrets_dir.mkdir()
    for secret in ("control_token", "broker_key_id", "broker_secret_key"):
        (settings.secrets_dir / secret).write_text("a" * 40)
    return settings


def test_a_shutdown_waits_on_the_disk_for_an_executor_that_is_gone(
    run: Run, here: Settings
) -> None:
    halt_request.leave(here.root, HaltRequest("first", "somebody"))
    ensure_emergency_shutdown.fn(here, SilentCore(), "breach", FakePlaces())
    assert halt_request.pending(here.root) == HaltRequest("breach", "ann", "emergency_shutdown")


def test_a_halt_is_no_shutdown(run: Run, here: Settings) -> None:
    core = FakeCore()
    core.halt()
    with pytest.raises(NotVerified, match="enter the mode emergency_shutdown: not visible"):
        ensure_emergency_shutdown.fn(here, core, "breach", FakePlaces())
    core.halt(kind=HaltKind.EMERGENCY_SHUTDOWN)
    assert ensure_emergency_shutdown.fn(here, core, "again", FakePlaces()).did is Did.NOTHING


def test_maintenance_is_entered_with_its_message_and_a_stricter_mode_stays(
    run: Run, here: Settings
) -> None:
    core = FakeCore()
    core.halt()
    with pytest.raises(NotVerified, match="enter the mode maintenance: not visible"):
        ensure_maintenance_mode.fn(here, core, "disk swap", FakePlaces())
    assert halt_request.pending(here.root) == HaltRequest("disk swap", "ann", "maintenance")
    for kind in (HaltKind.MAINTENANCE, HaltKind.EMERGENCY_SHUTDOWN):
        core.halt(kind=kind)
        again = ensure_maintenance_mode.fn(here, core, "disk swap", FakePlaces())
        assert again.sentence == f"the mode was {kind.mode}, by somebody: drill"


def test_a_shutdown_that_the_disk_does_not_take_is_not_one(run: Run, here: Settings) -> None:
    halt_request.path_of(here.root).mkdir(parents=True)
    with pytest.raises(NotVerified):
        ensure_emergency_shutdown.fn(here, SilentCore(), "breach", FakePlaces())


def test_a_running_session_is_paused_once(run: Run) -> None:
    core = FakeCore()
    core.drives_session = True

    ensure_session_paused.fn(core, FakeProcesses("gateway"), "maintenance")
    ensure_session_paused.fn(core, FakeProcesses("gateway"), "maintenance")

    assert core.words == ["pause: maintenance"]


class GatewaylessCore(FakeCore):
    """A core whose gateway does not answer."""

    def session_is_running(self) -> bool:
        raise Unreachable("gateway: expected an answer", next_step="look at it")


def test_a_gateway_that_is_stopped_drives_no_session_one_that_hangs_may(run: Run) -> None:
    stopped = ensure_session_paused.fn(
        GatewaylessCore(), FakeProcesses(stopped=("gateway",)), "maintenance"
    )
    assert stopped.did is Did.NOTHING
    with pytest.raises(Unreachable):
        ensure_session_paused.fn(GatewaylessCore(), FakeProcesses("gateway"), "maintenance")
