"""A service is crashed only where that is safe, for real, and must be back by itself."""

import subprocess
from collections.abc import Iterator, Mapping
from datetime import timedelta

import pytest
from fastapi import FastAPI
from typing_extensions import override

from infra.embedded.supervisor import ProcessState, State
from tasks.kernel import Run, Verdict
from tasks.recovery import crash_drill
from tasks.recovery.crash_drill import (
    check_crash_allowed,
    check_crash_in_target,
    ensure_service_crashed,
)
from tests.fakes.broker import FakeBroker
from tests.fakes.services import FakeProcesses
from tests.fix_service import served
from trading_core.clock import seconds
from trading_core.errors import CheckFailed, NotVerified
from trading_core.settings import Settings
from trading_core.storage.connect import Database
from trading_core.storage.operations import recoveries

NAME = "strategy_engine"


class Watched(FakeProcesses):
    """One real process, which its watcher starts anew when it has ended.

    Attributes:
        asleep: The watcher does not look.
    """

    def __init__(self) -> None:
        super().__init__(NAME)
        self.asleep = False
        self.starts = 0
        self.process = self._start()

    @override
    def processes(self) -> Mapping[str, ProcessState]:
        ended = self.process.poll() is not None
        if ended and not self.asleep:
            self.process = self._start()
            ended = False
        state, pid = (State.BACKOFF, 0) if ended else (State.RUNNING, self.process.pid)
        return {NAME: ProcessState(NAME, state, pid, 0, self.starts, "as it is")}

    def _start(self) -> "subprocess.Popen[bytes]":
        self.starts += 1
        return subprocess.Popen(["sleep", "60"])


@pytest.fixture
def watched() -> Iterator[Watched]:
    one = Watched()
    yield one
    one.process.kill()
    one.process.wait()


@pytest.fixture
def closed() -> FakeBroker:
    broker = FakeBroker({})
    broker.now += timedelta(hours=12)
    return broker


@pytest.fixture
def answering() -> Iterator[Settings]:
    app = FastAPI()
    app.get("/health")(lambda: {"status": "ok"})
    with served(app) as client:
        yield Settings(ports={NAME: client.base_url.port or 0})


def test_it_is_killed_for_real_and_back_by_itself_and_that_is_on_record(
    answering: Settings, watched: Watched, operations: Database, run: Run
) -> None:
    first = watched.process
    took_seconds = ensure_service_crashed.fn(answering, watched, operations, NAME).value

    assert first.returncode == -9
    assert watched.starts == 2
    assert check_crash_in_target.fn(took_seconds).verdict is Verdict.PASS
    with operations.transaction() as connection:
        found = recoveries.newest(connection, "crash_drill")
    assert found is not None
    assert found.rto_seconds == took_seconds


def test_one_that_does_not_come_back_is_red(
    answering: Settings,
    watched: Watched,
    operations: Database,
    run: Run,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(crash_drill, "_BACK_WITHIN", seconds(0.3))
    watched.asleep = True
    with pytest.raises(NotVerified, match="expected back by itself"):
        ensure_service_crashed.fn(answering, watched, operations, NAME)


def test_a_rehearsal_kills_nothing(
    answering: Settings, watched: Watched, operations: Database, rehearsal: Run
) -> None:
    told = ensure_service_crashed.fn(answering, watched, operations, NAME).sentence
    assert "would crash strategy_engine" in told
    assert watched.process.poll() is None


def test_it_is_refused_in_a_session_unless_asked_for_and_when_nobody_knows(
    watched: Watched, closed: FakeBroker
) -> None:
    def verdict(broker: FakeBroker, *, in_session: bool) -> Verdict:
        return check_crash_allowed.fn(Settings(), watched, broker, NAME, in_session).verdict

    open_now, deaf = FakeBroker({}), FakeBroker({})
    deaf.faults.deaf = True
    assert verdict(closed, in_session=False) is Verdict.PASS
    assert verdict(open_now, in_session=False) is Verdict.FAIL
    assert verdict(deaf, in_session=False) is Verdict.FAIL
    assert verdict(open_now, in_session=True) is Verdict.PASS


@pytest.mark.parametrize("name", ["postgres", "paper_exchange"])
def test_what_keeps_something_is_never_crashed(name: str, closed: FakeBroker) -> None:
    found = check_crash_allowed.fn(Settings(), FakeProcesses(name), closed, name, True)
    assert found.verdict is Verdict.FAIL
    assert "keeps what others rely on" in found.found


def test_what_does_not_run_is_not_crashed(operations: Database, run: Run) -> None:
    with pytest.raises(CheckFailed, match="expected a running process"):
        ensure_service_crashed.fn(Settings(), FakeProcesses(stopped=(NAME,)), operations, NAME)


def test_what_was_not_measured_is_not_green() -> None:
    assert check_crash_in_target.fn(None).verdict is Verdict.UNKNOWN
    assert check_crash_in_target.fn(31.0).verdict is Verdict.WARN
