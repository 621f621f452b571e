"""Locks without a hash, packages that are not what the lock says, files somebody edited."""

import base64
import hashlib
from pathlib import Path

import pytest

from tasks.kernel import Verdict
from tasks.security.dependencies import check_installed, check_locks

HASH = f"--hash=sha256:{'0' * 64}"


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A package as an installer leaves it."""
    directory = tmp_path / "site"
    info = directory / "Some_Thing-1.2.dist-info"
    info.mkdir(parents=True)
    code = directory / "some_thing.py"
    code.write_text("ANSWER = 42\n")
    digest = base64.urlsafe_b64encode(hashlib.sha256(code.read_bytes()).digest()).decode()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: Some_Thing\nVersion: 1.2\n")
    (info / "RECORD").write_text(f"some_thing.py,sha256={digest.rstrip('=')},12\n")
    return directory


@pytest.fixture
def lock(tmp_path: Path) -> Path:
    file = tmp_path / "run.txt"
    file.write_text(
        f"some-thing==1.2 \\\n    {HASH}\nelsewhere[x]==3 ; python < '3' \\\n    {HASH}\n"
    )
    return file


def test_the_projects_own_locks_are_whole() -> None:
    found = check_locks.fn()
    assert found.verdict is Verdict.PASS, found


@pytest.mark.parametrize("line", ["other==1.0", "other>=1.0 " + HASH, "other @ file:///x"])
def test_a_requirement_without_version_or_hash_is_red(lock: Path, line: str) -> None:
    assert check_locks.fn(lock.parent).verdict is Verdict.PASS
    lock.write_text(f"{lock.read_text()}{line}\n")
    found = check_locks.fn(lock.parent)
    assert (found.verdict, found.value) == (Verdict.FAIL, 1)
    assert "other" in found.found


def test_without_a_lock_nothing_is_known(tmp_path: Path, place: Path) -> None:
    assert check_locks.fn(tmp_path / "none").verdict is Verdict.UNKNOWN


def test_what_is_installed_as_locked_passes(lock: Path, place: Path) -> None:
    found = check_installed.fn(lock, [place])
    assert (found.verdict, found.value) == (Verdict.PASS, 0), found


def test_another_version_and_an_edited_module_are_red(lock: Path, place: Path) -> None:
    (place / "some_thing.py").write_text("ANSWER = 43\n")
    edited = check_installed.fn(lock, [place])
    assert edited.verdict is Verdict.FAIL
    assert "some_thing.py is not as Some_Thing 1.2 made it" in edited.found
    lock.write_text(lock.read_text().replace("1.2", "1.3"))
    assert "some-thing 1.2, locked 1.3" in check_installed.fn(lock, [place]).found
