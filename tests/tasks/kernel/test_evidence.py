"""Progress counts the steps of a runbook, and evidence never gets in a run's way."""

import logging

import pytest

from tasks.kernel import CheckResult, Run, Verdict, begin, check
from tasks.kernel.evidence import Progress, show_table, show_text
from tests.fakes.ledger import MemoryLedger


@check
def check_door() -> CheckResult:
    """Look at the door."""
    return CheckResult(Verdict.PASS, "shut", "shut")


def test_each_step_is_told_with_its_number_and_counts_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    progress = Progress("leave-home", ["check_door", "ensure_light_off"])
    run = Run("leave-home", "today", "run-1", "ann", MemoryLedger(), progress=progress)

    with begin(run):
        check_door.fn()
        check_door.fn()
    progress.passed("ensure_light_off", "was off already")

    assert caplog.messages == [
        "[1/2] check_door: PASS, shut",
        "[1/2] check_door: PASS, shut",
        "[2/2] ensure_light_off: was off already",
    ]


def test_outside_a_flow_run_there_is_nothing_to_publish_and_nothing_breaks() -> None:
    show_table("a-table", [{"line": "x", "value": 1}], "a table")
    show_text("a-text", "# words", "a text")
    Progress.of_flow("leave-home").passed("anything", "fine")
