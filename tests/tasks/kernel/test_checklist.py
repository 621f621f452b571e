"""A checklist is green only when every line was measured and none failed."""

from typing import Any

import pytest
from prefect.client.schemas.objects import State
from prefect.states import Cancelled, Completed, Failed

from tasks.kernel import CheckResult, Readiness, Verdict, check, ended, graded, settle
from trading_core.errors import CheckFailed

NEEDS = {"positions": ("database", "broker"), "feeds": ("broker",)}


def found(**verdicts: Verdict) -> dict[str, CheckResult]:
    return {
        name: CheckResult(verdict, f"{name} was {verdict}", f"{name} well", {"raw": 1})
        for name, verdict in verdicts.items()
    }


def test_all_green_is_ready() -> None:
    assert settle(found(a=Verdict.PASS, b=Verdict.PASS)).readiness is Readiness.READY


def test_a_warning_is_ready_and_says_so() -> None:
    checklist = settle(found(a=Verdict.PASS, b=Verdict.WARN))
    assert checklist.readiness is Readiness.READY_WITH_WARNINGS
    checklist.require_ready("go on")


@pytest.mark.parametrize("red", [Verdict.FAIL, Verdict.UNKNOWN])
def test_one_line_failed_or_unmeasured_is_not_ready(red: Verdict) -> None:
    checklist = settle(found(a=Verdict.PASS, b=red, c=Verdict.WARN))

    assert checklist.readiness is Readiness.NOT_READY
    with pytest.raises(CheckFailed, match="1 of 3 checks did not pass: b: expected b well") as stop:
        checklist.require_ready("repair b")
    assert stop.value.next_step == "repair b"


def test_an_empty_list_is_never_ready() -> None:
    assert settle({}).readiness is Readiness.NOT_READY


def test_a_line_that_needs_a_red_line_names_it_instead_of_failing_in_other_words() -> None:
    checklist = settle(
        found(database=Verdict.PASS, broker=Verdict.FAIL, positions=Verdict.FAIL), NEEDS
    )

    database, broker, positions = checklist.lines
    assert (database.result.verdict, broker.result.verdict) == (Verdict.PASS, Verdict.FAIL)
    assert positions.result.verdict is Verdict.UNKNOWN
    assert positions.result.found == "not measured, because broker is red"
    assert positions.result.evidence == {"raw": 1}


def test_a_line_that_fails_by_itself_stays_red() -> None:
    checklist = settle(
        found(database=Verdict.PASS, broker=Verdict.PASS, positions=Verdict.FAIL), NEEDS
    )
    assert checklist.lines[2].result.verdict is Verdict.FAIL


def test_a_line_that_could_be_measured_keeps_its_verdict_beside_a_red_one() -> None:
    checklist = settle(found(broker=Verdict.FAIL, feeds=Verdict.PASS), NEEDS)
    assert checklist.lines[1].result.verdict is Verdict.PASS


@pytest.mark.parametrize("red", [Verdict.FAIL, Verdict.UNKNOWN])
def test_a_line_that_is_advice_stops_nobody_and_is_never_green(red: Verdict) -> None:
    checklist = settle(found(a=Verdict.PASS, b=red), advice=("a", "b"))
    assert [line.result.verdict for line in checklist.lines] == [Verdict.PASS, Verdict.WARN]
    assert checklist.lines[1].result.found == f"b was {red}"
    assert (checklist.is_well("a"), checklist.is_well("b")) == (True, False)
    checklist.require_ready("go on")


def test_a_line_that_is_no_advice_stays_red_beside_one_that_is() -> None:
    checklist = settle(found(a=Verdict.FAIL, b=Verdict.FAIL), advice=("b",))
    assert (checklist.is_red("a"), checklist.is_red("b")) == (True, False)
    assert checklist.readiness is Readiness.NOT_READY


def test_another_runbook_that_did_not_complete_is_a_red_line_with_its_words() -> None:
    runs: dict[str, State[Any]] = {
        "good": Completed(),
        "bad": Failed(message="2 of 3 checks did not pass"),
        "late": Cancelled(message="is late: is skipped", name="Skipped"),
    }
    lines = {line.name: line.result for line in ended(runs).lines}
    assert [one.verdict for one in lines.values()] == ["PASS", "FAIL", "FAIL"]
    assert lines["bad"].found == "Failed: 2 of 3 checks did not pass"


@pytest.mark.parametrize(
    ("value", "verdict"),
    [
        (79.9, Verdict.PASS),
        (80.0, Verdict.WARN),
        (94.9, Verdict.WARN),
        (95.0, Verdict.FAIL),
    ],
)
def test_a_number_is_graded_from_its_limits_on(value: float, verdict: Verdict) -> None:
    result = graded(value, warn=80, fail=95, unit=" %", what="disk used")
    assert result.verdict is verdict
    assert result.expected == "disk used below 80 %"


def test_a_check_is_a_task_that_is_never_cached() -> None:
    @check
    def check_weather() -> CheckResult:
        """Look out of the window."""
        return CheckResult(Verdict.PASS, "sun", "no hail")

    assert check_weather.name == "check_weather"
    assert check_weather.tags == {"check"}
    assert not check_weather.persist_result
    assert check_weather.fn().found == "sun"
