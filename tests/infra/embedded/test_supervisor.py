"""supervisord keeps programs alive, tells their state, and its stack's processes are recognised."""

import configparser
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from infra.embedded.programs import Program
from infra.embedded.supervisor import State, Supervisor
from trading_core.clock import poll, seconds
from trading_core.errors import NotVerified, Unreachable

SLEEP = "import time; print('awake', flush=True); time.sleep(600)"
WITH_CHILD = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {SLEEP!r}])"
PROGRAMS = (
    Program("sleeper", (sys.executable, "-c", SLEEP)),
    Program("parent", (sys.executable, "-c", WITH_CHILD)),
    Program("crasher", (sys.executable, "-c", "raise SystemExit('100 % broken')")),
)
WITHIN = seconds(20)


@pytest.fixture(scope="module")
def supervisor(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Supervisor]:
    """A supervisor in a directory whose name needs quoting."""
    root = tmp_path_factory.mktemp("a root; 100 % odd")
    one = Supervisor(root)
    one.start(one.configuration(PROGRAMS, root, "remark"), dict(os.environ))
    yield one
    family = one.family()
    one.shut_down()
    assert poll(lambda: not any(p.is_running() for p in family), within=WITHIN)


def state(supervisor: Supervisor, name: str) -> State:
    return supervisor.processes()[name].state


def test_nothing_runs_before_it_is_asked_for(supervisor: Supervisor) -> None:
    assert state(supervisor, "sleeper") is State.STOPPED


def test_a_program_is_started_once(supervisor: Supervisor) -> None:
    supervisor.begin("sleeper")
    assert poll(lambda: state(supervisor, "sleeper") is State.RUNNING, within=WITHIN)
    pid = supervisor.processes()["sleeper"].pid
    supervisor.begin("sleeper")
    assert supervisor.processes()["sleeper"].pid == pid
    assert (supervisor.logs / "sleeper.log").read_text() == "awake\n"


def test_a_killed_program_is_started_again(supervisor: Supervisor) -> None:
    supervisor.begin("sleeper")
    assert poll(lambda: state(supervisor, "sleeper") is State.RUNNING, within=WITHIN)
    before = supervisor.processes()["sleeper"]
    psutil.Process(before.pid).kill()
    assert poll(lambda: supervisor.processes()["sleeper"].pid not in (0, before.pid), within=WITHIN)


def test_a_stopped_program_stays_stopped(supervisor: Supervisor) -> None:
    supervisor.begin("sleeper")
    assert poll(lambda: state(supervisor, "sleeper") is State.RUNNING, within=WITHIN)
    supervisor.end("sleeper")
    assert poll(lambda: supervisor.processes()["sleeper"].is_down, within=WITHIN)
    supervisor.end("sleeper")


def test_a_program_that_cannot_start_is_seen_to_fail(supervisor: Supervisor) -> None:
    supervisor.begin("crasher")
    assert poll(lambda: state(supervisor, "crasher") is State.BACKOFF, within=WITHIN)
    supervisor.end("crasher")
    assert "100 % broken" in (supervisor.logs / "crasher.log").read_text()


def test_children_of_children_belong_to_the_family_and_we_do_not(supervisor: Supervisor) -> None:
    supervisor.begin("parent")

    def grandchildren() -> list[psutil.Process]:
        pid = supervisor.processes()["parent"].pid
        return psutil.Process(pid).children() if pid else []

    assert poll(lambda: len(grandchildren()) == 1, within=WITHIN)
    pids = {process.pid for process in supervisor.family()}
    assert {supervisor.pid(), grandchildren()[0].pid} <= pids
    assert os.getpid() not in pids
    orphan = grandchildren()[0]
    psutil.Process(supervisor.processes()["parent"].pid).kill()
    assert poll(lambda: orphan.ppid() != supervisor.processes()["parent"].pid, within=WITHIN)
    assert orphan.pid in {process.pid for process in supervisor.family()}
    orphan.kill()


def test_another_stacks_processes_are_not_ours(supervisor: Supervisor, tmp_path: Path) -> None:
    assert Supervisor(tmp_path).family() == []
    assert not Supervisor(tmp_path).is_running()


def test_asking_where_nobody_answers_says_so(tmp_path: Path) -> None:
    with pytest.raises(Unreachable, match="expected an answer on"):
        Supervisor(tmp_path).processes()


def test_an_unknown_program_is_an_error(supervisor: Supervisor) -> None:
    with pytest.raises(NotVerified, match="BAD_NAME: nobody"):
        supervisor.begin("nobody")


def test_a_program_of_another_account_starts_where_that_account_may_be(tmp_path: Path) -> None:
    ours = Program("redis", ("redis-server",))
    theirs = Program("postgres", ("postgres",), user="nobody")
    written = configparser.ConfigParser(interpolation=None)
    written.read_string(Supervisor(tmp_path).configuration([ours, theirs], tmp_path, "test"))
    assert written["program:redis"]["directory"] == str(tmp_path)
    assert written["program:postgres"]["directory"] == "/"
