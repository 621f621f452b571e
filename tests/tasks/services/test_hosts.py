"""A service runs in one place; its host has what it needs; what cannot be seen is unknown."""

import pytest

from infra.embedded.supervisor import State
from tasks.kernel import Did, Run, Verdict
from tasks.services.hosts import (
    check_executor_silent,
    check_only_copy,
    ensure_halt_waits,
    ensure_host_prepared,
)
from tests.fakes.broker import FakeBroker
from tests.fakes.core import FakeCore
from tests.fakes.places import FakePlaces
from trading_core.errors import Unreachable
from trading_core.execution.control import HaltKind

EXECUTOR = "trade_executor"
HALT = "/var/lib/tradeops/executor/halt_request.json"


@pytest.fixture
def places() -> FakePlaces:
    """An executor that runs on host one."""
    return FakePlaces(EXECUTOR)


@pytest.mark.parametrize(
    ("copies", "verdict", "words"),
    [
        ({}, Verdict.PASS, "it runs nowhere else"),
        ({"this machine": State.RUNNING}, Verdict.FAIL, "it runs on this machine"),
        ({"host two": State.UNREACHABLE}, Verdict.UNKNOWN, "host two does not answer, and may"),
        (
            {"host two": State.UNREACHABLE, "this machine": State.BACKOFF},
            Verdict.FAIL,
            "it runs on this machine",
        ),
    ],
)
def test_a_single_writer_has_one_place(
    places: FakePlaces, copies: dict[str, State], verdict: Verdict, words: str
) -> None:
    places.copies = copies
    result = check_only_copy.fn(places, EXECUTOR)
    assert result.verdict is verdict
    assert words in result.found
    assert result.expected == "trade_executor on host one only"


def test_a_service_that_may_run_twice_is_not_asked_about(places: FakePlaces) -> None:
    places.copies = {"host two": State.RUNNING}
    assert check_only_copy.fn(places, "market_data").verdict is Verdict.PASS


def test_a_host_is_given_what_is_missing_once(places: FakePlaces, run: Run) -> None:
    places.missing = {EXECUTOR: ["/etc/tradeops/environment"]}

    first = ensure_host_prepared.fn(places, "execution-engine")
    again = ensure_host_prepared.fn(places, "execution-engine")

    assert (first.did, again.did) == (Did.CHANGED, Did.NOTHING)
    assert places.commands == ["provide trade_executor"]


def test_a_rehearsal_gives_a_host_nothing(places: FakePlaces, rehearsal: Run) -> None:
    places.missing = {EXECUTOR: ["/etc/tradeops/environment"]}
    assert ensure_host_prepared.fn(places, EXECUTOR).did is Did.PLANNED
    assert places.commands == []
    assert rehearsal.plan == ["give host one what trade_executor needs"]


def test_a_halt_is_brought_to_the_host_and_nothing_else_is_a_reason_to_go_there(
    places: FakePlaces, run: Run
) -> None:
    places.missing = {EXECUTOR: ["/etc/tradeops/environment"]}
    assert ensure_halt_waits.fn(places).did is Did.NOTHING

    places.missing[EXECUTOR].append(HALT)
    assert ensure_halt_waits.fn(places).did is Did.CHANGED
    assert places.waits


def test_a_halt_that_cannot_be_brought_is_unreachable(places: FakePlaces, run: Run) -> None:
    places.dark = True
    with pytest.raises(Unreachable, match="one: expected it to run sh"):
        ensure_halt_waits.fn(places)


def silence(core: FakeCore, places: FakePlaces) -> tuple[Verdict, str]:
    result = check_executor_silent.fn(core, FakeBroker({}), places)
    return result.verdict, result.found


def test_an_executor_that_says_halted_and_tripped_is_silent(places: FakePlaces, run: Run) -> None:
    core = FakeCore()
    core.halt()
    assert silence(core, places)[0] is Verdict.FAIL, "a halt alone is not the kill switch's"
    core.halt(kind=HaltKind.BREAKER)
    verdict, found = silence(core, places)
    assert (verdict, found) == (Verdict.PASS, "it says halted, breaker OPEN: drill")


def test_an_executor_that_is_down_is_silent_only_with_a_halt_waiting(run: Run) -> None:
    core, places = FakeCore(), FakePlaces(stopped=(EXECUTOR,))
    core.deaf = True
    verdict, found = silence(core, places)
    assert (verdict, found) == (
        Verdict.FAIL,
        "not running on host one, but no halt waits for it there",
    )
    places.waits = True
    assert silence(core, places)[0] is Verdict.PASS


def test_an_executor_behind_a_silent_host_is_unknown_and_its_access_is_told(
    places: FakePlaces, run: Run
) -> None:
    core = FakeCore()
    core.deaf = True
    places.lose(EXECUTOR)
    verdict, found = silence(core, places)
    assert verdict is Verdict.UNKNOWN
    assert found.startswith(
        "host one does not answer, so whether it runs is unknown; its key still"
    )
    assert "rotate-broker-key" in found


def test_an_executor_that_runs_and_does_not_answer_is_unknown(places: FakePlaces, run: Run) -> None:
    core = FakeCore()
    core.deaf = True
    places.waits = True
    verdict, found = silence(core, places)
    assert verdict is Verdict.UNKNOWN
    assert found.startswith("it is RUNNING on host one and does not answer")
