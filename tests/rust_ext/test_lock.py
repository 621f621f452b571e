"""The tracked lock of the Rust crate: complete, and silent about where packages come from."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

CRATE = Path(__file__).parents[2] / "rust_ext"


@pytest.fixture
def crate(tmp_path: Path) -> Path:
    """A copy of the crate as a fresh clone has it: sources, and no Cargo.lock."""
    copy = tmp_path / "rust_ext"
    shutil.copytree(CRATE, copy, ignore=shutil.ignore_patterns("target", "Cargo.lock"))
    return copy


def lock(crate: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, crate / "lock.py", *arguments],
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_tracked_lock_names_no_host_and_checksums_every_package_but_ours() -> None:
    pinned = (CRATE / "Cargo.lock.pinned").read_text()
    assert "://" not in pinned
    assert pinned.count("\nchecksum = ") == pinned.count("[[package]]") - 1


def test_the_restored_lock_is_the_one_cargo_would_use(crate: Path) -> None:
    assert lock(crate, "restore").returncode == 0
    used = subprocess.run(
        ["cargo", "tree", "--locked", "--offline", "--edges", "normal"],
        cwd=crate,
        capture_output=True,
        text=True,
        check=False,
    )
    assert used.returncode == 0, used.stderr
    assert "thiserror" in used.stdout


def test_restoring_and_freezing_gives_back_the_tracked_lock(crate: Path) -> None:
    pinned = (crate / "Cargo.lock.pinned").read_text()
    lock(crate, "restore")
    (crate / "Cargo.lock.pinned").unlink()
    assert lock(crate, "freeze").returncode == 0
    assert (crate / "Cargo.lock.pinned").read_text() == pinned


def test_restoring_twice_leaves_the_file_alone(crate: Path) -> None:
    lock(crate, "restore")
    written = (crate / "Cargo.lock").stat().st_mtime_ns
    assert "already is" in lock(crate, "restore").stdout
    assert (crate / "Cargo.lock").stat().st_mtime_ns == written


def test_a_package_from_elsewhere_is_not_frozen(crate: Path) -> None:
    lock(crate, "restore")
    restored = (crate / "Cargo.lock").read_text()
    (crate / "Cargo.lock").write_text(restored.replace('source = "registry+', 'source = "git+', 1))
    refused = lock(crate, "freeze")
    assert refused.returncode == 1
    assert "expected packages of one registry" in refused.stderr


def test_an_unknown_verb_says_which_there_are(crate: Path) -> None:
    assert lock(crate, "melt").stderr == "usage: lock.py restore | freeze [CRATE]\n"
