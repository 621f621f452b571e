"""A runbook is what its header says; a header that does not say it all is refused."""

from pathlib import Path

import pytest

from deployments.runbooks import discover, find
from trading_core.errors import ConfigurationError

_HEADER = '''"""Sweep the floor
every evening.

Longer words about it: with a colon.

When: After the close,
    every trading day.
Changes: The floor.
If red: Take another broom.
Covers: DAY-01, HLT-12
"""
'''
_FLOW = """
from prefect import flow

@flow(name="sweep-floor")
def sweep_floor(room: str = "all") -> None:
    pass
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "flows"
    (folder / "daily").mkdir(parents=True)
    return folder


def _write(folder: Path, text: str, name: str = "sweep_floor") -> None:
    (folder / "daily" / f"{name}.py").write_text(text)


def test_a_runbook_is_read_from_its_header(folder: Path) -> None:
    _write(folder, _HEADER + _FLOW)
    [runbook] = discover(folder)
    assert runbook.name == "sweep-floor"
    assert runbook.title == "Sweep the floor every evening"
    assert runbook.when == "After the close, every trading day."
    assert runbook.changes == "The floor."
    assert runbook.if_red == "Take another broom."
    assert runbook.covers == ("DAY-01", "HLT-12")
    assert runbook.group == "daily"
    assert runbook.entrypoint == "flows.daily.sweep_floor.sweep_floor"


def test_the_description_says_what_the_header_says(folder: Path) -> None:
    _write(folder, _HEADER + _FLOW)
    [runbook] = discover(folder)
    for words in ("Sweep the floor every evening", "After the close", "another broom", "HLT-12"):
        assert words in runbook.description


def test_a_file_without_a_flow_is_no_runbook(folder: Path) -> None:
    _write(folder, '"""The desk."""\n\ndef open_run() -> None: ...\n', "desk")
    assert discover(folder) == ()


def test_a_flow_that_gives_itself_no_name_is_called_as_its_function(folder: Path) -> None:
    _write(folder, _HEADER + _FLOW.replace('(name="sweep-floor")', ""))
    assert [runbook.name for runbook in discover(folder)] == ["sweep-floor"]


@pytest.mark.parametrize("label", ["When", "Changes", "If red", "Covers"])
def test_a_header_without_one_of_its_lines_is_refused_by_file_and_line(
    folder: Path, label: str
) -> None:
    _write(folder, _HEADER.replace(f"{label}:", "Otherwise:") + _FLOW)
    with pytest.raises(ConfigurationError, match=rf"daily/sweep_floor\.py: .*'{label}'"):
        discover(folder)


def test_two_flows_in_a_file_are_refused(folder: Path) -> None:
    _write(folder, _HEADER + _FLOW + _FLOW.replace("sweep_floor", "mop_floor"))
    with pytest.raises(ConfigurationError, match="one flow, was sweep_floor, mop_floor"):
        discover(folder)


@pytest.mark.parametrize(("right", "wrong"), [('"sweep-floor"', '"mop"'), ("def sweep", "def mop")])
def test_file_flow_and_function_must_have_one_name(folder: Path, right: str, wrong: str) -> None:
    _write(folder, _HEADER + _FLOW.replace(right, wrong))
    with pytest.raises(ConfigurationError, match="a flow sweep_floor named sweep-floor"):
        discover(folder)


def test_a_runbook_is_found_by_its_name_with_underscores_too(folder: Path) -> None:
    _write(folder, _HEADER + _FLOW)
    assert find("sweep_floor", folder) == find("sweep-floor", folder)


def test_an_unknown_name_is_answered_with_the_known_ones(folder: Path) -> None:
    _write(folder, _HEADER + _FLOW)
    with pytest.raises(ConfigurationError, match="expected one of sweep-floor, was 'mop'"):
        find("mop", folder)
