"""What waits to be installed is told from the machine's own lists, or it is unknown."""

import os
from pathlib import Path

import pytest

from tasks.kernel import Verdict
from tasks.security.updates import check_updates_waiting
from trading_core.clock import SystemClock

ORDINARY = "Inst tzdata [1] (2 Debian:12/stable [all])"
HOLE = "Inst openssl [3.0.1] (3.0.2 Debian-Security:12/stable-security [amd64])"


@pytest.fixture
def lists(tmp_path: Path) -> Path:
    """Package lists of today."""
    folder = tmp_path / "lists"
    folder.mkdir()
    (folder / "mirror_dists_stable_main_binary-amd64_Packages").touch()
    return folder


def apt(tmp_path: Path, *lines: str, code: int = 0) -> str:
    """Return a program that answers as apt-get does."""
    program = tmp_path / "apt-get"
    told = "\n".join(["Reading package lists...", *lines])
    program.write_text(f"#!/bin/sh\ncat <<'END'\n{told}\nEND\nexit {code}\n")
    program.chmod(0o755)
    return str(program)


@pytest.mark.parametrize(
    ("lines", "verdict", "holes"),
    [
        ((), Verdict.PASS, 0),
        ((ORDINARY,), Verdict.WARN, 0),
        ((ORDINARY, HOLE), Verdict.FAIL, 1),
    ],
)
def test_an_update_that_mends_a_hole_is_red_and_any_other_a_warning(
    lists: Path, tmp_path: Path, lines: tuple[str, ...], verdict: Verdict, holes: int
) -> None:
    found = check_updates_waiting.fn(lists, apt(tmp_path, *lines))
    assert (found.verdict, found.value, found.limit) == (verdict, holes, 0)
    assert len(found.evidence) == len(lines)


def test_what_cannot_be_told_is_unknown(lists: Path, tmp_path: Path) -> None:
    program = apt(tmp_path)
    assert check_updates_waiting.fn(tmp_path / "none", program).verdict is Verdict.UNKNOWN
    assert check_updates_waiting.fn(lists, str(tmp_path / "no-program")).verdict is Verdict.UNKNOWN
    assert check_updates_waiting.fn(lists, apt(tmp_path, code=100)).verdict is Verdict.UNKNOWN
    days_ago = SystemClock().now().timestamp() - 9 * 86_400
    for path in lists.iterdir():
        os.utime(path, (days_ago, days_ago))
    assert "9 days old" in check_updates_waiting.fn(lists, program).found
