"""What a person sees of a run: its own lines and tables, and after a failure what to do."""

import io
from datetime import UTC, datetime

import pytest
from rich.console import Console

from deployments.orchestrator import Artifact, FlowRun, LogLine
from deployments.terminal import Terminal, show_end, show_results

_AT = datetime(2026, 11, 20, 14, 5, tzinfo=UTC)
_TRACEBACK = """Encountered exception during execution: CheckFailed('floor: was dirty')
Traceback (most recent call last):
  File "flows/daily/sweep_floor.py", line 9, in sweep_floor
trading_core.errors.CheckFailed: floor: expected clean, was dirty
next: sweep it"""


@pytest.fixture
def console() -> Console:
    return Console(file=io.StringIO(), width=100, highlight=False)


def _printed(console: Console) -> str:
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def _line(message: str, *, logger: str = "prefect.flow_runs", level: int = 20) -> LogLine:
    return LogLine(message, _AT, level, logger, message)


def _run(state: str, state_name: str, message: str = "") -> FlowRun:
    return FlowRun("1", "calm-otter", "2", state, state_name, message, _AT, _AT)


def _artifact(kind: str, data: object, key: str = "floors") -> Artifact:
    return Artifact(f"{key}-{data}", key, kind, "Floors of the house", data)


def test_a_runbooks_own_lines_are_shown_and_prefects_are_not(console: Console) -> None:
    with Terminal(console) as terminal:
        terminal.line(_line("swept [red]room[/red] 1"))
        terminal.line(_line("Finished in state Completed()"))
        terminal.line(_line("Worker submitting flow run", logger="prefect.flow_runs.worker"))
    assert "14:05:00 swept [red]room[/red] 1" in _printed(console)
    assert "Finished" not in _printed(console)
    assert "Worker" not in _printed(console)


def test_everything_shows_prefects_lines_too(console: Console) -> None:
    with Terminal(console, everything=True) as terminal:
        terminal.line(_line("Finished in state Completed()"))
        terminal.line(_line(_TRACEBACK, level=40))
    assert "Finished in state" in _printed(console)
    assert "Traceback" in _printed(console)


def test_after_a_failure_the_error_and_its_next_step_are_the_last_words(console: Console) -> None:
    with Terminal(console) as terminal:
        terminal.line(_line(_TRACEBACK, level=40))
    failed = "Flow run encountered an exception: CheckFailed: floor: expected clean, was dirty"
    show_end(console, _run("FAILED", "Failed", failed), terminal.next_step)
    assert _printed(console).strip().splitlines() == [
        "failed CheckFailed: floor: expected clean, was dirty",
        "next: sweep it",
    ]


def test_a_state_is_told_once(console: Console) -> None:
    with Terminal(console) as terminal:
        for name in ("Scheduled", "Late", "Pending", "Running"):
            terminal.state(_run("SCHEDULED", name))
    assert [line.strip() for line in _printed(console).splitlines() if line.strip()] == [
        "waiting for a worker",
        "a worker has taken it",
    ]


@pytest.mark.parametrize(
    "data",
    [
        '[{"room": "hall", "verdict": "PASS"}, {"room": "attic", "verdict": "FAIL"}]',
        '{"room": ["hall", "attic"], "verdict": ["PASS", "FAIL"]}',
    ],
)
def test_a_table_is_shown_whichever_way_prefect_keeps_it(console: Console, data: str) -> None:
    show_results(console, [_artifact("table", data)])
    printed = _printed(console)
    assert "Floors of the house" in printed
    for words in ("room", "verdict", "hall", "PASS", "attic", "FAIL"):
        assert words in printed


def test_of_a_key_published_twice_the_newer_is_shown(console: Console) -> None:
    older, newer = '[{"room": "hall"}]', '[{"room": "attic"}]'
    show_results(console, [_artifact("table", older), _artifact("table", newer)])
    assert "hall" not in _printed(console)
    assert "attic" in _printed(console)


def test_the_record_of_changes_can_be_left_out(console: Console) -> None:
    artifacts = [
        _artifact("table", '[{"room": "hall"}]', key="sweep-floor"),
        _artifact("table", '[{"what": "swept"}]', key="sweep-floor-ledger"),
    ]
    show_results(console, artifacts, with_record=False)
    assert "hall" in _printed(console)
    assert "swept" not in _printed(console)
