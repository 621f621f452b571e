"""Secret files are private, whole, and made once."""

import stat
from pathlib import Path

from infra.embedded import secrets


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_secret_is_made_once_and_then_stays(tmp_path: Path) -> None:
    first = secrets.ensure(tmp_path / "secrets", "token")
    assert secrets.ensure(tmp_path / "secrets", "token") == first
    assert len(first) >= 40


def test_two_secrets_differ(tmp_path: Path) -> None:
    assert secrets.ensure(tmp_path, "one") != secrets.ensure(tmp_path, "other")


def test_only_the_owner_can_read_them(tmp_path: Path) -> None:
    directory = tmp_path / "secrets"
    directory.mkdir(mode=0o755)
    secrets.ensure(directory, "token")
    assert mode(directory) == 0o700
    assert mode(directory / "token") == 0o600


def test_writing_leaves_no_draft_behind(tmp_path: Path) -> None:
    secrets.write(tmp_path, "dsn", "one")
    secrets.write(tmp_path, "dsn", "another")
    assert [p.name for p in tmp_path.iterdir()] == ["dsn"]
    assert (tmp_path / "dsn").read_text() == "another\n"
