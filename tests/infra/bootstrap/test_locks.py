"""The locks pin everything, by hash; what runs is part of what is tested."""

import re
import tomllib

import pytest

from tests.fix_stack import PROJECT

LOCKS = ("run", "dev", "uv")


def pins(name: str) -> dict[str, str]:
    """Return version by package of one lock; every requirement must have a hash."""
    text = (PROJECT / "requirements" / f"{name}.txt").read_text()
    entries = re.split(r"\n(?=\S)", text.strip())
    found = {}
    for entry in entries:
        match = re.match(r"([a-z0-9._-]+)==(\S+)", entry)
        assert match is not None, f"not a pin: {entry[:80]}"
        assert "--hash=sha256:" in entry, f"no hash: {match[1]}"
        found[match[1]] = match[2]
    return found


@pytest.mark.parametrize("name", LOCKS)
def test_every_requirement_is_one_version_with_hashes(name: str) -> None:
    assert pins(name)


def test_what_runs_is_a_part_of_what_is_tested() -> None:
    assert pins("run").items() <= pins("dev").items()


def test_every_direct_dependency_is_locked() -> None:
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"]
    direct = {re.split(r"[\[<>=!~]", one)[0] for one in project["dependencies"]}
    assert direct <= set(pins("run"))
    assert {"maturin"} <= set(pins("run"))


def test_the_versions_that_break_prefect_in_silence_are_kept_out() -> None:
    locked = pins("run")
    assert locked["prefect"] == "3.8.8"
    assert tuple(map(int, locked["fastapi"].split("."))) < (0, 151)
    assert tuple(map(int, locked["sqlalchemy"].split("."))) < (2, 1)
