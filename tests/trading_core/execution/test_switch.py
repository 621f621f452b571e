"""The switch: whatever process, disk and database do, it permits no more than it was told."""

import tempfile
from contextlib import suppress
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from threading import Thread

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from psycopg import Connection

from tests.trading_core.execution.conftest import SwitchableDatabase
from trading_core import halt_request
from trading_core.clock import SteppedClock, SystemClock, poll, seconds
from trading_core.domain.state import Breaker, Mode, TradingState
from trading_core.errors import CheckFailed, Unreachable
from trading_core.execution.control import HaltKind, Word
from trading_core.execution.switch import BREAKER_OPEN, HALTED, TRADING_DISABLED, TradingSwitch
from trading_core.halt_request import HaltRequest
from trading_core.ledger.session import Session
from trading_core.storage.trading import state as states

MONDAY = Session("PA1", date(2013, 10, 7))
TUESDAY = Session("PA1", date(2013, 10, 8))


def unannounced(connection: Connection, state: TradingState) -> None:
    """Nobody else is told."""


def a_switch(root: Path, database: SwitchableDatabase) -> TradingSwitch:
    return TradingSwitch(root, database, SystemClock(), unannounced)


def a_word(fence: int | None = None, reason: str = "because") -> Word:
    return Word(reason, "on call", SystemClock().now(), fence)


@pytest.fixture
def switch(tmp_path: Path, database: SwitchableDatabase) -> TradingSwitch:
    return a_switch(tmp_path, database)


@pytest.fixture
def open_switch(switch: TradingSwitch) -> TradingSwitch:
    switch.enter(MONDAY)
    switch.enable(a_word(1), resume=False)
    return switch


def recorded(database: SwitchableDatabase) -> TradingState | None:
    with database.transaction() as connection:
        return states.newest(connection)


def test_a_desk_nobody_spoke_about_sends_nothing(switch: TradingSwitch) -> None:
    assert switch.refusal() == TRADING_DISABLED


def test_an_enabled_desk_sends(
    open_switch: TradingSwitch, database: SwitchableDatabase, tmp_path: Path
) -> None:
    assert open_switch.refusal() == ""
    assert recorded(database) == open_switch.state
    assert a_switch(tmp_path, database).refusal() == ""


def test_a_halt_needs_no_database_and_is_recorded_once_it_is_back(
    open_switch: TradingSwitch, database: SwitchableDatabase
) -> None:
    database.plugged = False
    open_switch.halt(a_word(), HaltKind.HALT)
    assert open_switch.refusal() == HALTED
    with pytest.raises(Unreachable):
        open_switch.ensure_recorded()
    assert not open_switch.is_recorded
    database.plugged = True
    open_switch.ensure_recorded()
    assert recorded(database) == open_switch.state


def test_a_halt_needs_no_disk(
    open_switch: TradingSwitch, database: SwitchableDatabase, tmp_path: Path
) -> None:
    state_file = tmp_path / "executor" / "state.json"
    kept = state_file.read_text()
    state_file.unlink()
    state_file.mkdir()  # whatever is written there fails
    open_switch.halt(a_word(), HaltKind.HALT)
    assert open_switch.refusal() == HALTED
    open_switch.ensure_recorded()
    # A restart finds the old file, which permits, and the record, which does not.
    state_file.rmdir()
    state_file.write_text(kept)
    restarted = a_switch(tmp_path, database)
    restarted.ensure_recorded()
    assert restarted.refusal() == HALTED


def test_a_halt_waits_for_nobody_who_is_writing_the_state_down(open_switch: TradingSwitch) -> None:
    halting = Thread(target=open_switch.halt, args=(a_word(), HaltKind.HALT))
    with open_switch._changing:
        halting.start()
        assert poll(lambda: open_switch.refusal() != "", within=seconds(30))
    halting.join()
    assert open_switch.refusal() == HALTED


def test_trading_is_not_enabled_without_the_database(
    switch: TradingSwitch, database: SwitchableDatabase
) -> None:
    database.plugged = False
    with pytest.raises(Unreachable):
        switch.enable(a_word(1), resume=False)
    assert switch.refusal() == TRADING_DISABLED


def test_the_breaker_stays_open_over_a_restart_and_an_enable(
    open_switch: TradingSwitch, database: SwitchableDatabase, tmp_path: Path
) -> None:
    open_switch.halt(a_word(), HaltKind.BREAKER)
    again = a_switch(tmp_path, database)
    assert again.refusal() == BREAKER_OPEN
    with pytest.raises(CheckFailed, match="OPEN"):
        again.enable(a_word(5), resume=True)
    again.reset_breaker(a_word(5))
    assert again.refusal() == TRADING_DISABLED
    again.enable(a_word(5), resume=False)
    assert again.refusal() == ""


def test_the_moment_of_a_trip_outlives_other_words_and_a_restart_and_the_next_trip_has_its_own(
    open_switch: TradingSwitch, database: SwitchableDatabase, tmp_path: Path
) -> None:
    assert open_switch.breaker_opened_at is None
    tripped = open_switch.halt(a_word(), HaltKind.BREAKER)
    open_switch.halt(a_word(), HaltKind.HALT)
    again = a_switch(tmp_path, database)
    moments = [again.breaker_opened_at]
    again.reset_breaker(a_word(5))
    moments.append(again.breaker_opened_at)
    later = replace(a_word(), at=tripped.changed_at + timedelta(milliseconds=1))
    again.halt(later, HaltKind.BREAKER)
    moments.append(again.breaker_opened_at)
    assert moments == [tripped.changed_at, None, later.at]


def test_a_new_session_needs_a_new_permission_and_the_same_session_does_not(
    open_switch: TradingSwitch,
) -> None:
    open_switch.enter(MONDAY)
    assert open_switch.refusal() == ""
    open_switch.enter(TUESDAY)
    assert open_switch.refusal() == TRADING_DISABLED


def test_a_lost_state_file_takes_permission_away_and_keeps_the_breaker_open(
    open_switch: TradingSwitch, database: SwitchableDatabase, tmp_path: Path
) -> None:
    open_switch.halt(a_word(), HaltKind.BREAKER)
    open_switch.ensure_recorded()
    (tmp_path / "executor" / "state.json").unlink()
    restarted = a_switch(tmp_path, database)
    restarted.ensure_recorded()
    assert restarted.refusal() == BREAKER_OPEN


def test_an_unreadable_state_file_is_a_halt(
    open_switch: TradingSwitch, database: SwitchableDatabase, tmp_path: Path
) -> None:
    (tmp_path / "executor" / "state.json").write_text('{"state": {"mode": "run')
    restarted = a_switch(tmp_path, database)
    assert restarted.refusal() == HALTED
    assert "unreadable" in restarted.state.reason


@pytest.mark.parametrize("kind", [k for k in HaltKind if k is not HaltKind.BREAKER])
def test_a_mode_needs_no_database_and_survives_the_process(
    open_switch: TradingSwitch, database: SwitchableDatabase, tmp_path: Path, kind: HaltKind
) -> None:
    database.plugged = False
    open_switch.halt(a_word(), kind)
    code = kind.mode.value.upper()
    again = a_switch(tmp_path, database)
    for switch in (open_switch, again):
        assert switch.refusal() == code
        assert switch.refusal(by_hand=True) == ("" if kind is HaltKind.SAFE_MODE else code)
    with pytest.raises(Unreachable):
        again.leave_mode(a_word(9))
    with pytest.raises((Unreachable, CheckFailed)):
        again.enable(a_word(9), resume=True)
    assert again.refusal() == code


def test_a_mode_is_left_into_a_halt_and_a_halt_makes_it_no_milder(
    open_switch: TradingSwitch,
) -> None:
    open_switch.halt(a_word(), HaltKind.MAINTENANCE)
    open_switch.halt(a_word(), HaltKind.HALT)
    assert open_switch.state.mode is Mode.MAINTENANCE
    with pytest.raises(CheckFailed, match="mode to resume from"):
        open_switch.enable(a_word(2), resume=True)
    with pytest.raises(CheckFailed, match="somebody spoke since"):
        open_switch.leave_mode(a_word(0))
    assert open_switch.leave_mode(a_word(2)).mode is Mode.HALTED
    assert open_switch.enable(a_word(3), resume=True).accepts_orders


def test_a_halt_request_on_the_disk_stops_orders_at_once(
    open_switch: TradingSwitch, tmp_path: Path
) -> None:
    halt_request.leave(tmp_path, HaltRequest("loss", "on call"))
    assert open_switch.refusal() == HALTED
    halt_request.clear(tmp_path)
    assert open_switch.refusal() == ""


def test_a_word_spoken_while_an_enable_was_on_its_way_wins(
    switch: TradingSwitch, database: SwitchableDatabase, tmp_path: Path
) -> None:
    def halt_meanwhile(connection: Connection, state: TradingState) -> None:
        if state.trading_enabled:
            slow.halt(a_word(reason="loss"), HaltKind.HALT)

    slow = TradingSwitch(tmp_path, database, SystemClock(), halt_meanwhile)
    with pytest.raises(CheckFailed, match="loss"):
        slow.enable(a_word(1), resume=False)
    assert slow.refusal() == HALTED
    slow.ensure_recorded()
    record = recorded(database)
    assert record is not None
    assert record.mode is Mode.HALTED


def test_a_halt_waits_for_the_order_on_its_way(open_switch: TradingSwitch) -> None:
    with open_switch.sending() as reason:
        assert reason == ""
        open_switch.halt(a_word(), HaltKind.HALT)
        assert not open_switch.wait_until_none_is_sent(seconds(0.01))
        waiting = Thread(target=open_switch.wait_until_none_is_sent, args=(seconds(60),))
        waiting.start()
    assert poll(lambda: not waiting.is_alive(), within=seconds(30))
    with open_switch.sending() as reason:
        assert reason == HALTED


class Desk(RuleBasedStateMachine):
    """A desk's life, and what was said, word by word."""

    database: SwitchableDatabase

    @initialize()
    def begin(self) -> None:
        self.folder = tempfile.TemporaryDirectory()
        self.root = Path(self.folder.name)
        self.clock = SteppedClock(SystemClock().now())
        self.permitted = False
        self.tripped = False
        self.session: Session | None = None
        self.fence = 0
        self.database.plugged = True
        with self.database.transaction() as connection:
            # The record is append-only; a fresh desk begins with a word that permits nothing.
            never = TradingState(Mode.RUNNING, False, Breaker.CLOSED, "-", "-", self.clock.now(), 0)
            states.append(connection, never)
        self.switch = self.started()

    def started(self) -> TradingSwitch:
        return TradingSwitch(self.root, self.database, self.clock, unannounced)

    def word(self, fence: int | None) -> Word:
        self.clock.move_to(self.clock.now() + timedelta(seconds=1))
        return Word("because", "on call", self.clock.now(), fence)

    @rule(kind=st.sampled_from(HaltKind), fence=st.none() | st.integers(0, 5))
    def halt(self, kind: HaltKind, fence: int | None) -> None:
        self.switch.halt(self.word(fence), kind)
        self.permitted = False
        self.tripped = self.tripped or kind is HaltKind.BREAKER
        self.fence = max(self.fence, fence or 0)
        assert self.switch.refusal() != ""

    @rule(fence=st.integers(0, 5), resume=st.booleans())
    def enable(self, fence: int, resume: bool) -> None:
        with suppress(CheckFailed, Unreachable):
            self.switch.enable(self.word(fence), resume=resume)
            assert fence >= self.fence
            assert not self.tripped
            assert self.database.plugged
            self.permitted = True
            self.fence = fence
            assert self.switch.refusal() == ""

    @rule(fence=st.integers(0, 5))
    def reset_breaker(self, fence: int) -> None:
        with suppress(CheckFailed, Unreachable):
            self.switch.reset_breaker(self.word(fence))
            assert fence >= self.fence
            self.tripped = self.permitted = False
            self.fence = fence

    @rule(session=st.sampled_from((MONDAY, TUESDAY)))
    def enter(self, session: Session) -> None:
        self.switch.enter(session)
        if session != self.session:
            self.permitted = False
        self.session = session

    @rule()
    def crash_and_start_again(self) -> None:
        self.switch = self.started()

    @rule()
    def pull_or_plug_the_database(self) -> None:
        self.database.plugged = not self.database.plugged

    @rule()
    def record(self) -> None:
        with suppress(Unreachable):
            self.switch.ensure_recorded()

    @precondition(lambda self: self.database.plugged)
    @rule()
    def lose_the_disk_and_start_again(self) -> None:
        self.switch.ensure_recorded()
        (self.root / "executor" / "state.json").unlink(missing_ok=True)
        self.switch = self.started()
        self.switch.ensure_recorded()
        self.session = None
        self.permitted = False
        assert self.switch.refusal() != ""

    @invariant()
    def permits_no_more_than_the_last_word(self) -> None:
        if not self.permitted:
            assert self.switch.refusal() != ""

    @invariant()
    def the_breaker_never_closes_by_itself(self) -> None:
        if self.tripped:
            assert self.switch.state.breaker is Breaker.OPEN

    def teardown(self) -> None:
        if hasattr(self, "folder"):
            self.folder.cleanup()


@pytest.fixture
def desk(database: SwitchableDatabase) -> type[Desk]:
    Desk.database = database
    return Desk


def test_no_history_makes_the_switch_more_permissive_than_the_last_word(desk: type[Desk]) -> None:
    run_state_machine_as_test(
        desk,
        settings=settings(
            max_examples=40,
            stateful_step_count=30,
            deadline=None,
            suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
        ),
    )
