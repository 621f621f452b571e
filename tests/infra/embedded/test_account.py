"""The account PostgreSQL runs under: what it can reach is tried, and nothing is not reached."""

from pathlib import Path

from infra.embedded.account import Account


def test_a_program_that_is_not_there_cannot_be_run(tmp_path: Path) -> None:
    stat = tmp_path.stat()
    ourselves = Account("ourselves", stat.st_uid, stat.st_gid)
    assert not ourselves.may_run(tmp_path / "postgres")
