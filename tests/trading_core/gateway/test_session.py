"""The driver of the session: every step of every minute, once, in order, whatever fails."""

import threading
from dataclasses import replace
from datetime import date, timedelta
from itertools import product
from pathlib import Path

import pytest

from tests.fakes.session_parts import STEP_NAMES, Days, Recorder, ReplayDoor
from trading_core.broker.replay import SessionRequest
from trading_core.clock import poll, seconds
from trading_core.errors import CheckFailed, ConfigurationError, Unreachable
from trading_core.gateway.session import SessionDriver
from trading_core.gateway.session_file import SessionFile, SessionState

MONDAY = SessionRequest("bars", date(2013, 10, 7), Path("/data/bars"))
TUESDAY = SessionRequest("bars", date(2013, 10, 8), Path("/data/bars"), ("SPY",), 7)
WHOLE_DAY = list(product(range(1, 6), STEP_NAMES))


class Desk:
    """A driver with everything around it, and the way to replace a killed driver."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.door, self.days = ReplayDoor(), Days()
        self.recorder = Recorder(self.door)
        self.driver = self.new_driver()

    def new_driver(self, step_seconds: float = 30) -> SessionDriver:
        return SessionDriver(
            self.door,
            self.days,
            self.recorder.steps(),
            SessionFile(self.root),
            step_within=seconds(step_seconds),
        )

    def ends_in(self, state: SessionState) -> bool:
        return poll(lambda: self.driver.progress.state is state, within=seconds(20))


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


def test_a_session_runs_every_step_of_every_minute_in_order(desk: Desk) -> None:
    opened = desk.driver.open(MONDAY)
    assert (opened.state, opened.minutes_done, opened.minutes_total) == (SessionState.OPEN, 0, 5)
    assert desk.days.opened == ["session-1"]
    desk.driver.run()
    assert desk.ends_in(SessionState.FINISHED)
    assert desk.recorder.done == WHOLE_DAY
    assert desk.driver.progress.minutes_done == 5


def test_each_minute_is_timed(desk: Desk) -> None:
    took_seconds: list[float] = []
    desk.driver = SessionDriver(
        desk.door,
        desk.days,
        desk.recorder.steps(),
        SessionFile(desk.root),
        observe_minute_seconds=took_seconds.append,
    )
    desk.driver.open(MONDAY)
    desk.driver.run()
    assert desk.ends_in(SessionState.FINISHED)
    assert len(took_seconds) == 5


def test_running_again_what_has_finished_changes_nothing(desk: Desk) -> None:
    desk.driver.open(MONDAY)
    desk.driver.run()
    assert desk.ends_in(SessionState.FINISHED)
    assert desk.driver.run().state is SessionState.FINISHED
    assert desk.recorder.done == WHOLE_DAY


def test_a_session_stands_still_at_the_moment_asked_for_and_goes_on_from_there(desk: Desk) -> None:
    opened = desk.driver.open(MONDAY).session
    assert opened is not None
    desk.driver.run(until=opened.opens_at + timedelta(minutes=2))
    assert desk.ends_in(SessionState.PAUSED)
    assert desk.driver.progress.minutes_done == 2
    assert desk.recorder.done == WHOLE_DAY[: WHOLE_DAY.index((3, "advance"))]
    desk.driver.run()
    assert desk.ends_in(SessionState.FINISHED)
    # The minute it stood at is done again, as after any stop: every step of it is idempotent.
    assert desk.recorder.done[-len(WHOLE_DAY) * 4 // 5 :] == WHOLE_DAY[-len(WHOLE_DAY) * 4 // 5 :]


def test_a_gateway_that_was_killed_stands_still_where_the_one_before_it_would_have(
    desk: Desk,
) -> None:
    opened = desk.driver.open(MONDAY).session
    assert opened is not None
    until = opened.opens_at + timedelta(minutes=3)
    file = SessionFile(desk.root)
    wanted = file.read()
    assert wanted is not None
    file.write(replace(wanted.with_state(SessionState.RUNNING), until=until))
    desk.driver = desk.new_driver(step_seconds=5)
    desk.driver.resume()
    assert desk.ends_in(SessionState.PAUSED)
    assert desk.driver.progress.minutes_done == 3


def test_a_step_that_fails_is_asked_again_and_says_so_meanwhile(desk: Desk) -> None:
    failures = iter(["down", "still down"])

    def fail(step: str, minute: int) -> None:
        if (minute, step) == (2, "evaluate") and (words := next(failures, None)):
            raise Unreachable(words, next_step="wait")
        if (minute, step) == (2, "settle"):
            seen.append(desk.driver.progress.reason)

    seen: list[str] = []
    desk.recorder.before = fail
    desk.driver.open(MONDAY)
    desk.driver.run()
    assert poll(lambda: "down" in desk.driver.progress.reason, within=seconds(10))
    assert desk.ends_in(SessionState.FINISHED)
    assert desk.recorder.done == WHOLE_DAY
    assert seen == [""]


def test_a_step_whose_time_is_up_stops_the_session_with_the_reason(desk: Desk) -> None:
    def fail(step: str, minute: int) -> None:
        if (minute, step) == (3, "collect"):
            raise Unreachable("market_data: expected an answer, was none", next_step="wait")

    desk.recorder.before = fail
    desk.driver = desk.new_driver(step_seconds=0.3)
    desk.driver.open(MONDAY)
    desk.driver.run()
    assert desk.ends_in(SessionState.STOPPED)
    assert desk.driver.progress.reason == "collect: market_data: expected an answer, was none"
    # The cause is gone: the same minute is run again from its first step, and the day ends.
    desk.recorder.before = lambda _step, _minute: None
    desk.driver.run()
    assert desk.ends_in(SessionState.FINISHED)
    interrupted = WHOLE_DAY[: WHOLE_DAY.index((3, "collect"))]
    assert desk.recorder.done == interrupted + WHOLE_DAY[WHOLE_DAY.index((3, "advance")) :]


def test_what_asking_again_cannot_mend_stops_the_session_at_once(desk: Desk) -> None:
    def fail(step: str, minute: int) -> None:
        if step == "evaluate":
            raise ConfigurationError("sma_short: Field required", next_step="correct it")

    desk.recorder.before = fail
    desk.driver.open(MONDAY)
    desk.driver.run()
    assert desk.ends_in(SessionState.STOPPED)
    assert desk.recorder.attempts == 3


def test_a_bug_in_a_step_stops_the_session_instead_of_leaving_it_running(desk: Desk) -> None:
    def fail(step: str, minute: int) -> None:
        raise ZeroDivisionError("a bug")

    desk.recorder.before = fail
    desk.driver.open(MONDAY)
    desk.driver.run()
    assert desk.ends_in(SessionState.STOPPED)
    assert desk.driver.progress.reason == "ZeroDivisionError: a bug"


class Gate:
    """Holds the driver in one step until it is let on."""

    def __init__(self, desk: Desk, minute: int, step: str) -> None:
        self.reached, self.let_on = threading.Event(), threading.Event()
        self._at = (minute, step)
        desk.recorder.before = self._hold

    def _hold(self, step: str, minute: int) -> None:
        if (minute, step) == self._at:
            self.reached.set()
            assert self.let_on.wait(20)


def test_a_gateway_that_was_killed_carries_on_by_itself_with_the_interrupted_minute(
    desk: Desk,
) -> None:
    gate = Gate(desk, 3, "settle")
    desk.driver.open(MONDAY)
    desk.driver.run()
    assert gate.reached.wait(20)
    killed, before = desk.driver, list(desk.recorder.done)
    # A new process knows only the file and the exchange; the old one gets no further.
    desk.recorder = Recorder(desk.door)
    desk.driver = desk.new_driver()
    desk.driver.resume()
    assert desk.ends_in(SessionState.FINISHED)
    assert before == WHOLE_DAY[: WHOLE_DAY.index((3, "settle"))]
    assert desk.recorder.done == [step for step in WHOLE_DAY if step[0] >= 3]
    gate.let_on.set()
    killed.close()


def test_a_paused_session_stands_still_also_after_a_restart_until_it_is_run(desk: Desk) -> None:
    gate = Gate(desk, 2, "collect")
    desk.driver.open(MONDAY)
    desk.driver.run()
    assert gate.reached.wait(20)
    threading.Timer(0.05, gate.let_on.set).start()
    paused = desk.driver.pause("lunch")
    assert (paused.state, paused.reason) == (SessionState.PAUSED, "lunch")
    stood_at = list(desk.recorder.done)
    desk.driver = desk.new_driver()
    desk.driver.resume()
    found = desk.driver.look()
    assert (found.state, found.reason, found.minutes_done) == (SessionState.PAUSED, "lunch", 2)
    assert desk.recorder.done == stood_at
    desk.driver.run()
    assert desk.ends_in(SessionState.FINISHED)
    assert set(desk.recorder.done) == set(WHOLE_DAY)


def test_shutting_down_is_not_pausing_the_next_gateway_carries_on(desk: Desk) -> None:
    gate = Gate(desk, 2, "collect")
    desk.driver.open(MONDAY)
    desk.driver.run()
    assert gate.reached.wait(20)
    threading.Timer(0.05, gate.let_on.set).start()
    desk.driver.close()
    desk.driver = desk.new_driver()
    desk.driver.resume()
    assert desk.ends_in(SessionState.FINISHED)


def test_another_session_is_refused_while_one_is_under_way(desk: Desk) -> None:
    gate = Gate(desk, 1, "collect")
    desk.driver.open(MONDAY)
    desk.driver.run()
    assert gate.reached.wait(20)
    with pytest.raises(CheckFailed, match="expected none under way, was session-1"):
        desk.driver.open(TUESDAY)
    assert desk.driver.open(MONDAY).state is SessionState.RUNNING
    assert desk.door.opened == 1
    gate.let_on.set()
    assert desk.ends_in(SessionState.FINISHED)
    assert desk.driver.open(TUESDAY).state is SessionState.OPEN


def test_a_day_that_could_not_be_written_down_is_not_open_and_can_be_opened_again(
    desk: Desk,
) -> None:
    desk.days.error = Unreachable("database: expected an answer", next_step="wait")
    with pytest.raises(Unreachable):
        desk.driver.open(MONDAY)
    assert desk.driver.progress.state is SessionState.NONE
    desk.days.error = None
    assert desk.driver.open(MONDAY).state is SessionState.OPEN


def test_a_session_the_exchange_no_longer_has_is_stopped_not_driven(desk: Desk) -> None:
    desk.driver.open(MONDAY)
    desk.door.open(TUESDAY)
    desk.driver = desk.new_driver(step_seconds=0.1)
    desk.driver.run()
    assert desk.ends_in(SessionState.STOPPED)
    assert "expected session-1 at the exchange, was session-2" in desk.driver.progress.reason
    assert desk.recorder.done == []


def test_an_exchange_that_is_down_is_waited_for(desk: Desk) -> None:
    desk.driver.open(MONDAY)
    desk.door.down = True
    desk.driver = desk.new_driver()
    desk.driver.run()
    assert poll(lambda: "expected an answer" in desk.driver.progress.reason, within=seconds(10))
    desk.door.down = False
    assert desk.ends_in(SessionState.FINISHED)


def test_without_a_session_there_is_nothing_to_run_or_pause(desk: Desk) -> None:
    with pytest.raises(CheckFailed, match="expected an open one"):
        desk.driver.run()
    with pytest.raises(CheckFailed, match="expected a running one"):
        desk.driver.pause("lunch")
    assert desk.driver.look().as_json()["state"] == "none"
