"""No tracked file may name a registry: the check finds one, and finds none in this project."""

import subprocess
from pathlib import Path

import pytest

from infra.bootstrap import no_hosts
from tests.fix_stack import PROJECT

# In pieces, or this file would be a finding itself.
REGISTRY = "https://" + "py" + "pi.org/simple"


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """An empty repository."""
    subprocess.run(["git", "init", "--quiet", tmp_path], check=True)
    return tmp_path


def test_a_tracked_file_that_names_a_registry_is_found(repository: Path) -> None:
    (repository / "lock.txt").write_text(f"fine\n--index-url {REGISTRY}\n")
    subprocess.run(["git", "-C", repository, "add", "lock.txt"], check=True)
    assert no_hosts.findings(repository) == ["lock.txt:2: " + "py" + "pi.org"]


def test_a_file_that_is_not_tracked_is_no_concern(repository: Path) -> None:
    (repository / "pip.conf").write_text(REGISTRY)
    assert no_hosts.findings(repository) == []


@pytest.mark.skipif(not (PROJECT / ".git").exists(), reason="not a git repository")
def test_this_project_names_none() -> None:
    assert no_hosts.findings(PROJECT) == []
