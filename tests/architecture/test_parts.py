"""`make test` and `make soak` run every test there is, each once, and say so when one fails."""

from pathlib import Path

import pytest

from tests.architecture.sources import ROOT
from tests.parts import Ended, apart_in, main, parts, run_all, unsteady


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


def test_what_fails_is_tried_once_more_and_what_passes_only_then_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    mark, wavering, broken = (
        tmp_path / name for name in ("ran", "test_wavers.py", "test_broken.py")
    )
    wavering.write_text(
        "import logging\n"
        "from pathlib import Path\n"
        "def test_steady(): pass\n"
        "def test_wavers():\n"
        f"    mark = Path({str(mark)!r})\n"
        "    known = mark.exists()\n"
        "    mark.touch()\n"
        "    logging.error('nothing of a test')\n"
        "    assert known, 'a deadline passed'\n"
    )
    broken.write_text("def test_broken(): assert 1 == 2\n")

    ended = {Path(one.part).name: one for one in run_all([str(wavering), str(broken)])}

    assert (ended[wavering.name].code, ended[broken.name].code) == (0, 1)
    (named,) = unsteady(list(ended.values()))
    assert "::test_wavers" in named
    assert "a deadline passed" in capsys.readouterr().out


def test_a_directory_asked_for_is_run_whole_each_test_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    inner = tmp_path / "inner"
    inner.mkdir()
    for place in (tmp_path, inner):
        (place / f"test_of_{place.name}.py").write_text("def test_here(): pass\n")
    monkeypatch.setattr("tests.parts.APART", (str(inner),))

    assert main([f"{tmp_path}/"]) == 0

    printed = capsys.readouterr().out
    for part in (tmp_path, inner):
        assert f"passed {part}: 1 passed" in printed


def test_what_is_long_is_left_to_the_soak(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    long = tmp_path / "test_long.py"
    long.write_text("import pytest\n@pytest.mark.soak\ndef test_long(): assert 1 == 2\n")

    assert main([str(long)]) == 0
    assert "1 deselected" in capsys.readouterr().out


def _files_of(part: Path) -> list[str]:
    files = [part] if part.is_file() else part.glob("**/test_*.py")
    apart = [ROOT / one for one in apart_in(str(part.relative_to(ROOT)))]
    here = [file for file in files if not any(file.is_relative_to(one) for one in apart)]
    return [str(file.relative_to(ROOT)) for file in here]
