"""A log is clean when no line since the start tells of an error."""

import json

import pytest

from tasks.kernel import Run, Verdict
from tasks.services.processes import check_log_clean
from tasks.services.service_log import errors_since
from tests.fakes.services import FakeProcesses

START = 1_700_000_000  # 2023-11-14 22:13:20 UTC
BEFORE, AFTER = "2023-11-14T22:13:19Z", "2023-11-14T22:13:21Z"


def line(at: str, level: str, event: str, **more: str) -> str:
    return json.dumps({"at": at, "level": level, "event": event, **more})


def test_only_errors_since_the_start_count() -> None:
    lines = [
        line(BEFORE, "error", "why it was restarted"),
        line(AFTER, "info", "listening"),
        line(AFTER, "warning", "redis left alone"),
        line(AFTER, "error", "request failed", exception="KeyError"),
    ]
    assert errors_since(START, lines) == ["request failed: KeyError"]


def test_what_is_no_json_was_written_by_something_that_broke_off() -> None:
    lines = [line(BEFORE, "info", "stopping"), "old trouble", line(AFTER, "info", "up"), "Segfault"]
    assert errors_since(START, lines) == ["Segfault"]


@pytest.mark.parametrize("empty", ["", "   "])
def test_an_empty_line_is_nothing(empty: str) -> None:
    assert errors_since(START, [empty]) == []


def test_the_check_names_the_first_error(run: Run) -> None:
    processes = FakeProcesses("gateway")
    processes.logs["gateway"] = [line(AFTER, "critical", "no port")]
    result = check_log_clean.fn(processes, "gateway")
    assert (result.verdict, result.found) == (Verdict.FAIL, "1 errors: no port")
    processes.logs.clear()
    assert check_log_clean.fn(processes, "gateway").verdict is Verdict.PASS
