"""A runbook is started through its deployment and followed to its end, on a whole stack."""

import signal
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from deployments import orphans, runner
from deployments.orchestrator import Deployment, FlowRun, Orchestrator
from tests.deployments.fix_sample import Memory, deployed_sample
from tests.deployments.sample_flow import NAME
from tests.fix_stack import Stack
from trading_core.clock import poll, seconds
from trading_core.errors import ConfigurationError, NotVerified

pytestmark = pytest.mark.slow

_WITHIN = seconds(120)


@pytest.fixture(scope="module")
def sample(stack: Stack) -> Iterator[tuple[Orchestrator, Deployment]]:
    with deployed_sample(stack) as found:
        yield found


def test_a_run_is_followed_line_by_line_to_its_end(
    sample: tuple[Orchestrator, Deployment],
) -> None:
    orchestrator, _ = sample
    memory = Memory()
    run = runner.start(orchestrator, NAME, {"words": "sweeping"})
    ended = runner.follow(orchestrator, run, memory, within=_WITHIN)
    assert ended.is_completed, ended.message
    assert memory.lines.count("sweeping") == 1
    assert memory.lines[-1].startswith("Finished in state")
    assert memory.states[0] == "SCHEDULED"
    assert memory.states[-1] == "COMPLETED"
    assert memory.percents[-1] == 75.0
    [table] = [one for one in orchestrator.artifacts(run.id) if one.type == "table"]
    assert (table.key, table.description) == (NAME, "Floors")


def test_a_failed_run_says_why_and_what_next(sample: tuple[Orchestrator, Deployment]) -> None:
    orchestrator, _ = sample
    memory = Memory()
    run = runner.start(orchestrator, NAME, {"fail": True})
    ended = runner.follow(orchestrator, run, memory, within=_WITHIN)
    assert not ended.is_completed
    assert "floor: expected clean, was not" in ended.message
    assert any("next: sweep it" in line for line in memory.lines)


def test_starting_again_in_the_same_window_joins_the_run_under_way(
    sample: tuple[Orchestrator, Deployment], tmp_path: Path
) -> None:
    orchestrator, _ = sample
    door = tmp_path / "door"
    first = runner.start(orchestrator, NAME, {"door": str(door)}, window="session-1")
    again = runner.start(orchestrator, NAME, {"door": str(door)}, window="session-1")
    assert again.id == first.id
    door.touch()
    assert runner.follow(orchestrator, first, Memory(), within=_WITHIN).is_completed
    after_its_end = runner.start(orchestrator, NAME, {}, window="session-1")
    assert after_its_end.id != first.id
    assert runner.follow(orchestrator, after_its_end, Memory(), within=_WITHIN).is_completed


def test_following_can_end_before_the_run_does(
    sample: tuple[Orchestrator, Deployment], tmp_path: Path
) -> None:
    orchestrator, _ = sample
    door = tmp_path / "door"
    run = runner.start(orchestrator, NAME, {"door": str(door)})
    with pytest.raises(NotVerified, match="expected an end within 0 s"):
        runner.follow(orchestrator, run, Memory(), within=seconds(0))
    door.touch()
    assert runner.follow(orchestrator, run, Memory(), within=_WITHIN).is_completed


def test_a_value_of_the_wrong_type_is_refused_before_anything_runs(
    sample: tuple[Orchestrator, Deployment],
) -> None:
    orchestrator, deployment = sample
    before = orchestrator.runs(deployment)
    with pytest.raises(ConfigurationError, match=r"'fail'.*not of type 'boolean'"):
        runner.start(orchestrator, NAME, {"fail": "perhaps"})
    with pytest.raises(ConfigurationError, match="there is no floor"):
        runner.start(orchestrator, NAME, {"floor": 3})
    assert orchestrator.runs(deployment) == before


def test_a_run_killed_with_its_worker_is_told_dead_when_the_next_one_starts(
    stack: Stack, sample: tuple[Orchestrator, Deployment], tmp_path: Path
) -> None:
    orchestrator, deployment = sample
    run = runner.start(orchestrator, NAME, {"door": str(tmp_path / "never")})
    assert poll(lambda: orchestrator.run(run.id).state == "RUNNING", within=_WITHIN)
    assert orphans.bury(orchestrator, deployment) == (), "a living run is left alone"

    _kill(stack.process("prefect_worker"))
    for process in _processes_of(run):
        _kill(process)
    assert orchestrator.run(run.id).state == "RUNNING", "the server goes on believing in it"

    following = runner.start(orchestrator, NAME, {})
    assert orchestrator.run(run.id).state == "CRASHED"
    assert runner.follow(orchestrator, following, Memory(), within=_WITHIN).is_completed


def test_without_prefects_server_a_runbook_runs_in_the_operators_own_process(stack: Stack) -> None:
    settings = stack.settings.model_copy(update={"ports": {"prefect_server": 1}})
    without = Stack(settings)
    refused = without.tradeops("run", "trading-halt", "-p", "reason=drill", "--dry-run")
    assert refused.returncode == 4
    assert "tradeops run NAME --local" in refused.stderr

    done = without.tradeops("run", "trading-halt", "-p", "reason=drill", "--dry-run", "--local")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "would halt trading" in done.stdout + done.stderr


def _processes_of(run: FlowRun) -> list[psutil.Process]:
    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get("PREFECT__FLOW_RUN_ID") == run.id:
                found.append(process)
        except psutil.Error:
            continue
    return found


def _kill(process: psutil.Process) -> None:
    process.send_signal(signal.SIGKILL)
    process.wait(timeout=10)
