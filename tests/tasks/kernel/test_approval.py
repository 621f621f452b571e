"""Under a grant exactly the planned changes are made, by its run, while it is in force."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tasks.kernel import Change, Grant, Run, Unchanged, action, begin, granted, rehearse
from tasks.kernel.plan import code_sha256
from tests.fakes.ledger import MemoryLedger
from trading_core.approval.request import Step
from trading_core.clock import seconds, stopwatch_seconds
from trading_core.errors import CheckFailed

BOTH = (Step("open the door", gated=True), Step("ring the bell", gated=False))


@action
def ensure_opened(doors: list[str], name: str) -> Change[None] | Unchanged[None]:
    if name in doors:
        return Unchanged("was open", target=name)
    return Change(
        does=f"open the {name}",
        act=lambda _fence: doors.append(name),
        holds=lambda: name in doors,
        within=seconds(0),
        target=name,
        gated=True,
    )


@action
def ensure_rung(rings: list[str], what: str = "bell") -> Change[None] | Unchanged[None]:
    return Change(
        does=f"ring the {what}",
        act=lambda _fence: rings.append(what),
        holds=lambda: what in rings,
        within=seconds(0),
    )


@pytest.fixture
def unasked(ledger: MemoryLedger) -> Iterator[Run]:
    """A run of ann's that nobody has approved."""
    with begin(Run("a-runbook", "tonight", "run-1", "ann", ledger, fence=7)) as one:
        yield one


def a_grant(*steps: Step, run_id: str = "run-1", seconds_left: float = 60) -> Grant:
    ends = stopwatch_seconds() + seconds_left
    return Grant("r", "d" * 64, run_id, steps or BOTH, ("bob",), ("fine",), ends)


def test_a_rehearsal_lists_what_would_be_done_and_does_nothing(
    unasked: Run, ledger: MemoryLedger
) -> None:
    doors: list[str] = ["gate"]
    rings: list[str] = []

    def act(name: str) -> None:
        ensure_opened.fn(doors, "gate")
        ensure_opened.fn(doors, name)
        ensure_rung.fn(rings)

    plan = rehearse(act, "door")

    assert plan.steps == BOTH
    assert plan.gated == ("open the door",)
    assert (doors, rings, ledger.records, unasked.steps) == (["gate"], [], [], [])
    doors.append("door")
    assert plan.again().steps == BOTH[1:], "the world as it is then"


def test_what_is_planned_is_done_and_the_ledger_says_on_whose_word(
    unasked: Run, ledger: MemoryLedger
) -> None:
    doors: list[str] = []
    with granted(a_grant()):
        ensure_opened.fn(doors, "door")
    assert doors == ["door"]
    assert ledger.records[0].facts == {
        "approved_by": "bob",
        "approval_reason": "fine",
        "approval": "r",
        "approval_sha256": "d" * 64,
    }


def test_after_the_block_the_grant_is_gone(unasked: Run) -> None:
    doors: list[str] = []
    with granted(a_grant()):
        pass
    with pytest.raises(CheckFailed, match="expected approval by somebody else, found none"):
        ensure_opened.fn(doors, "door")
    assert doors == []


@pytest.mark.parametrize(
    ("given", "why"),
    [
        (lambda: a_grant(run_id="run-2"), "an approval of this run, was given to run run-2"),
        (lambda: a_grant(seconds_left=-1), "an approval in force, its time is over"),
        (lambda: a_grant(Step("open the gate", gated=True)), "the plan says: open the gate"),
        (lambda: a_grant(Step("open the gate", gated=False)), "the plan says: open the gate"),
    ],
)
def test_a_grant_of_something_else_is_none(
    unasked: Run, ledger: MemoryLedger, given: Callable[[], Grant], why: str
) -> None:
    doors: list[str] = []
    with granted(given()), pytest.raises(CheckFailed, match=why):
        ensure_opened.fn(doors, "door")
    assert doors == []
    assert ledger.records == []


def test_under_a_grant_a_change_that_is_not_in_the_plan_is_refused_though_it_is_not_gated(
    unasked: Run,
) -> None:
    rings: list[str] = []
    with granted(a_grant()), pytest.raises(CheckFailed, match="ring the alarm"):
        ensure_rung.fn(rings, "alarm")
    assert rings == []


def test_a_planned_change_is_made_as_often_as_it_was_planned(unasked: Run) -> None:
    rings: list[str] = []
    with granted(a_grant(BOTH[1], BOTH[1])):
        ensure_rung.fn(rings)
        ensure_rung.fn(rings)
        with pytest.raises(CheckFailed, match="2 times, and it was done"):
            ensure_rung.fn(rings)
    assert rings == ["bell", "bell"]


def test_doing_less_than_planned_is_fine(unasked: Run) -> None:
    with granted(a_grant()):
        ensure_opened.fn(["door"], "door")


def test_in_a_dry_run_no_grant_is_needed(unasked: Run) -> None:
    doors: list[str] = []
    with begin(replace(unasked, dry_run=True)) as run, granted(None):
        ensure_opened.fn(doors, "door")
        assert run.plan == ["open the door"]
    assert doors == []


def test_a_byte_of_the_code_makes_another_digest(tmp_path: Path) -> None:
    file = tmp_path / "tasks" / "a.py"
    file.parent.mkdir()
    file.write_text("x = 1\n")
    before = code_sha256(tmp_path)
    file.write_text("x = 2\n")
    changed = code_sha256(tmp_path)
    file.rename(file.with_name("b.py"))
    assert len({before, changed, code_sha256(tmp_path)}) == 3
    (file.parent / "notes.txt").write_text("not code")
    assert code_sha256(tmp_path) == code_sha256(tmp_path)
