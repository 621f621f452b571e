"""A checklist is green only when every line was measured and none failed."""

import pytest

from tasks.kernel import CheckResult, Readiness, Verdict, check, graded, settle
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
