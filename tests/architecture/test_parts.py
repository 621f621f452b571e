"""`make test` runs every test there is, once, and says so when one fails."""

from pathlib import Path

import pytest

from tests.architecture.sources import ROOT
from tests.parts import Ended, main, parts, run_all


def test_every_test_is_in_one_part() -> None:
    files = {str(file.relative_to(ROOT)) for file in ROOT.glob("tests/**/test_*.py")}
    in_parts = [file for part in parts() for file in _files_of(ROOT / part)]

    assert sorted(in_parts) == sorted(files)


def test_what_a_failed_part_printed_is_shown_whole_and_the_others_are_run(
    capsys: pytest.CaptureFixture[str],
) -> None:
    outcomes = {
        "a": Ended("a", 1, "E  1 == 2\n= 1 failed =\n"),
        "b": Ended("b", 0, "= 3 passed =\n"),
    }

    ended = run_all(["a", "b"], outcomes.__getitem__)

    assert {one.part for one in ended} == {"a", "b"}
    printed = capsys.readouterr().out
    assert "E  1 == 2" in printed
    assert "passed b: 3 passed" in printed


def test_a_part_that_is_not_there_fails(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["tests/no_such_part"]) == 1
    assert "FAILED tests/no_such_part" in capsys.readouterr().out


def _files_of(part: Path) -> list[str]:
    files = [part] if part.is_file() else part.glob("**/test_*.py")
    return [str(file.relative_to(ROOT)) for file in files]
