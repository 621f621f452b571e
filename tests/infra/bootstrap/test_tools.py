"""A missing tool is named, with how to get it, before anything is changed."""

import os
import subprocess
from pathlib import Path

import pytest

from tests.fix_stack import PROJECT

SCRIPT = PROJECT / "infra" / "bootstrap" / "tools.sh"
NEEDED_BY_THE_SCRIPT = ("sh", "dirname", "awk", "sed")


@pytest.fixture
def programs(tmp_path: Path) -> Path:
    """A PATH with nothing on it but what the script itself is written with."""
    directory = tmp_path / "bin"
    directory.mkdir()
    for name in NEEDED_BY_THE_SCRIPT:
        found = next(p / name for p in map(Path, os.get_exec_path()) if (p / name).exists())
        (directory / name).symlink_to(found)
    return directory


def put(directory: Path, name: str, says: str) -> None:
    program = directory / name
    program.write_text(f"#!/bin/sh\necho '{says}'\n")
    program.chmod(0o755)


def run(path: Path | str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(SCRIPT)], check=False, env={"PATH": str(path)}, capture_output=True, text=True
    )


def test_on_this_machine_everything_is_there() -> None:
    found = run(os.environ["PATH"])
    assert found.returncode == 0, found.stderr
    version = subprocess.run(
        [found.stdout.strip(), "-c", "import sys; print(sys.version_info >= (3, 11))"],
        check=True,
        capture_output=True,
        text=True,
    )
    assert version.stdout.strip() == "True"


def test_every_missing_tool_is_named_at_once(programs: Path) -> None:
    found = run(programs)
    assert found.returncode == 1
    for tool in ("a C compiler called cc", "cargo", "rustc"):
        assert f"  - {tool}" in found.stderr
    assert "Nothing was changed" in found.stderr


def test_a_rust_that_is_too_old_is_named_with_its_version(programs: Path) -> None:
    put(programs, "cc", "cc")
    put(programs, "cargo", "cargo 1.63.0 (fd9c4297c 2022-07-01)")
    put(programs, "rustc", "rustc 1.100.0 (newer by number, not by letter)")
    found = run(programs)
    assert found.returncode == 1
    assert "or newer; found 1.63.0" in found.stderr
    assert "rustc" not in found.stderr


def test_a_python_that_cannot_make_environments_is_passed_over(programs: Path) -> None:
    put(programs, "cc", "cc")
    put(programs, "cargo", "cargo 1.99.0")
    put(programs, "rustc", "rustc 1.99.0")
    (programs / "python3.11").write_text("#!/bin/sh\nexit 1\n")
    (programs / "python3.11").chmod(0o755)
    put(programs, "python3", "it answers every question with success")
    found = run(programs)
    assert found.returncode == 0, found.stderr
    assert Path(found.stdout.strip()) != programs / "python3.11"
