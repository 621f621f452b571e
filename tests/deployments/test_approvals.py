"""The whole path on a stack: a run asks and waits, people answer by command or form, it goes on."""

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from deployments.orchestrator import FlowRun
from tests.deployments.fix_gated import ANN, BOB, CAT, House, gated_house
from tests.fix_stack import Stack
from trading_core.clock import poll, seconds

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def house(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with gated_house(stack, tmp_path_factory.mktemp("tokens")) as one:
        yield one


def test_a_proven_starter_needs_one_other_person_and_no_token_leaves_the_terminal(
    house: House, tmp_path: Path
) -> None:
    run = house.start(tmp_path / "door", ANN)
    request = house.asked(run)
    assert (request.requested_by, request.people_needed) == ("Ann Lee", 1)
    listed = house.stack.tradeops("approvals").stdout
    assert request.id in listed
    assert "open the door" in listed

    code, said = house.approve(request, ANN)
    assert code == 1
    assert "the token is for run, not for approve" in said
    assert not (tmp_path / "door").exists()

    code, said = house.approve(request, BOB)
    assert code == 0, said
    assert "1. open the door  <- needs the yes" in said
    assert "yes by bob; gated-sample goes on" in said
    ended, lines = house.ended(run)
    assert ended.is_completed, ended.message
    assert (tmp_path / "door").exists()
    assert "approved by bob" in lines
    everything = "\n".join([*lines, said, *parameters(house, run)])
    assert not [p.name for p in (ANN, BOB) if p.token.text.split(".")[1] in everything]


def test_an_unproven_starter_needs_two_people_and_nobody_counts_twice(
    house: House, tmp_path: Path
) -> None:
    run = house.start(tmp_path / "door")
    request = house.asked(run)
    assert "1 more must say yes" in house.approve(request, BOB)[1]
    code, said = house.approve(request, BOB)
    assert code == 1
    assert "bob has answered already" in said
    assert not (tmp_path / "door").exists()
    assert house.approve(request, CAT)[0] == 0
    ended, lines = house.ended(run)
    assert ended.is_completed, ended.message
    assert "on-call gave no proof of who they are: 2 other people must say yes" in lines
    assert "approved by bob and cat" in lines

    code, said = house.approve(request, BOB)
    assert code == 1
    assert "expected one that waits, was granted" in said
    verified = house.stack.tradeops("audit", "verify")
    assert verified.returncode == 0, verified.stderr
    assert verified.stdout.count("every one continues the chain") == 2


def test_prefects_form_carries_a_signed_answer_and_takes_nothing_else_for_one(
    house: House, tmp_path: Path
) -> None:
    run = house.start(tmp_path / "door", ANN)
    request = house.asked(run)
    code, said = house.approve(request, BOB, "--code")
    assert code == 0, said
    [code_line] = [line for line in said.splitlines() if "approval_code" in line]
    filled = {"answer": "yes", "name": "bob", "reason": "looked at it"}

    assert resume(house, run, {})["status"] == "REJECT", "an empty form is not taken"
    resume(house, run, {**filled, "approval_code": "f00.forged"})
    assert poll(lambda: said_by(house, run, "not an answer"), within=seconds(20))
    assert poll(lambda: house.state(run) == "PAUSED", within=seconds(20)), "it is offered again"
    assert not (tmp_path / "door").exists()

    resume(house, run, {**filled, "approval_code": code_line.split()[1]})
    ended, lines = house.ended(run)
    assert ended.is_completed, ended.message
    assert "not an answer: bob: signed with no token that we know" in lines
    assert "approved by bob" in lines
    assert (tmp_path / "door").exists()


def test_a_run_that_is_resumed_by_force_goes_on_waiting(house: House, tmp_path: Path) -> None:
    run = house.start(tmp_path / "door", ANN)
    request = house.asked(run)
    state = {"type": "RUNNING", "name": "Running"}
    ask(house, f"/flow_runs/{run.id}/set_state", {"state": state, "force": True})
    assert poll(lambda: said_by(house, run, "an answer of nothing"), within=seconds(20))
    assert not (tmp_path / "door").exists()
    assert "gated-sample changes nothing" in house.approve(request, BOB, "--no")[1]
    ended, _ = house.ended(run)
    assert "bob said no: looked at it" in ended.message
    assert not (tmp_path / "door").exists()


def test_killed_while_it_waits_nothing_is_done_and_the_next_run_asks_anew(
    house: House, tmp_path: Path
) -> None:
    run = house.start(tmp_path / "door", ANN)
    request = house.asked(run)
    kill_worker_and_run(house.stack, run)

    following = house.start(tmp_path / "door", ANN)
    assert house.state(run) == "CRASHED"
    anew = house.asked(following)
    code, said = house.approve(request, BOB)
    assert code == 1
    assert "was withdrawn: its run has ended" in said
    assert not (tmp_path / "door").exists()

    assert house.approve(anew, BOB)[0] == 0
    ended, _ = house.ended(following)
    assert ended.is_completed, ended.message
    assert (tmp_path / "door").exists()


def resume(house: House, run: FlowRun, form: dict[str, str]) -> dict[str, Any]:
    return ask(house, f"/flow_runs/{run.id}/resume", {"run_input": form} if form else {})


def ask(house: House, path: str, body: dict[str, Any]) -> dict[str, Any]:
    url = f"{house.stack.settings.url('prefect_server')}/api{path}"
    answer = httpx.post(url, json=body, timeout=30, trust_env=False).raise_for_status()
    content: dict[str, Any] = answer.json()
    return content


def said_by(house: House, run: FlowRun, words: str) -> bool:
    return any(words in line.message for line in house.orchestrator.logs(run.id))


def parameters(house: House, run: FlowRun) -> list[str]:
    url = f"{house.stack.settings.url('prefect_server')}/api/flow_runs/{run.id}"
    return [str(httpx.get(url, timeout=30, trust_env=False).json()["parameters"])]


def kill_worker_and_run(stack: Stack, run: FlowRun) -> None:
    worker = stack.process("prefect_worker")
    for process in [worker, *worker.children(recursive=True)]:
        with suppress(psutil.NoSuchProcess):  # ended by itself meanwhile
            process.kill()
    psutil.wait_procs([worker], timeout=10)
