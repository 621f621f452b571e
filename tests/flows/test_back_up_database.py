"""back-up-database and check-wal-archive on the stack: real server, real archive, real bucket.

The runs are killed in their three longest steps; whatever they were doing, the next one of the same
window comes to one good backup.
"""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from prefect.settings import PREFECT_API_URL
from pydantic import SecretStr

from flows.backup.back_up_database import back_up_database
from flows.backup.check_wal_archive import check_wal_archive
from infra.bucket import Bucket
from infra.embedded.supervisor import Supervisor
from tests.fix_stack import PROJECT, Stack
from tests.flows.artifacts import table_of
from trading_core.clock import poll, seconds
from trading_core.errors import NotVerified

pytestmark = pytest.mark.slow

RUN = """
import sys
from flows.backup.back_up_database import back_up_database
back_up_database(sys.argv[1])
"""
_NEXT_SEGMENT = "SELECT pg_walfile_name(pg_switch_wal() - 1)"
STEPS = ("taken", "copied", "verified", "restored")


@pytest.fixture
def worked_on(stack: Stack, prefect_api: None) -> Iterator[Stack]:
    """The stack, with this process's environment pointing at it, as a worker's does."""
    with pytest.MonkeyPatch.context() as environment:
        for name, value in stack.settings.environment().items():
            environment.setenv(name, value)
        yield stack


def rows(
    stack: Stack, question: str, *values: object, at: SecretStr | None = None
) -> list[tuple[Any, ...]]:
    dsn = (at or stack.settings.secret("operations_dsn")).get_secret_value()
    with psycopg.connect(dsn) as connection:
        return connection.execute(question.encode(), values).fetchall()


def places(stack: Stack) -> Path:
    return stack.settings.root / "backups" / "base"


def partial(stack: Stack) -> list[str]:
    return [path.name for path in places(stack).glob("*.partial")]


def kinds(stack: Stack, window: str) -> dict[str, list[str]]:
    """Return what the ledger says of each step of a window."""
    found: dict[str, list[str]] = {}
    like = f"back-up-database/{window}/%"
    question = "SELECT key, kind FROM effect_ledger WHERE key LIKE %s ORDER BY seq"
    for key, kind in rows(stack, question, like):
        found.setdefault(key.split("/")[2], []).append(kind)
    return found


def assert_good_once(stack: Stack, window: str) -> None:
    backup_id = f"primary-{window}"
    question = (
        "SELECT path, files FROM backups WHERE id = %s AND restored_at IS NOT NULL"
        " AND verified_at IS NOT NULL AND bucket IS NOT NULL AND removed_at IS NULL"
    )
    ((path, files),) = rows(stack, question, backup_id)
    assert Path(path).is_dir()
    assert partial(stack) == []
    keys = Bucket.of(stack.settings).keys(f"base/{backup_id}/")
    assert len(keys) == len(files) + 2  # its description, and its line of the catalogue
    said = kinds(stack, window)
    for step in STEPS:
        told = said[f"ensure_base_backup_{step}"]
        assert told[-1] == "proof", (step, told)
        assert told.count("proof") == 1, (step, told)


def test_a_window_is_backed_up_once_and_proven(worked_on: Stack) -> None:
    window = "2026-03-02T0000Z"

    first = back_up_database(window)
    before = kinds(worked_on, window)
    again = back_up_database(window, return_state=True)

    assert first.startswith(f"base backup primary-{window}: good: here and off-site")
    assert again.result() == first
    assert kinds(worked_on, window) == before
    assert_good_once(worked_on, window)
    listed = {row["backup"]: row for row in table_of(again, "back-up-database-list")}
    assert listed[f"primary-{window}"]["here"] == "yes"


def test_with_a_backup_the_archive_is_green(worked_on: Stack) -> None:
    back_up_database("2026-03-02T0000Z")
    assert poll(lambda: "READY" in check_wal_archive(), within=seconds(30))


def test_a_gap_in_the_log_brings_a_new_backup_at_once_and_only_one(worked_on: Stack) -> None:
    back_up_database("2026-03-02T0000Z")
    folder = worked_on.settings.root / "backups" / "wal"
    (gone,) = rows(worked_on, _NEXT_SEGMENT, at=worked_on.settings.secret("superuser_dsn"))[0]
    assert poll((folder / f"{gone}.sha256").exists, within=seconds(30)), list(folder.iterdir())
    (folder / gone).unlink()

    rehearsed: Any = check_wal_archive(dry_run=True, return_state=True)
    assert good_again(worked_on) == []
    red: Any = check_wal_archive(return_state=True)

    for state in (rehearsed, red):
        assert f"segment {gone} is missing" in str(state.result(raise_on_failure=False))
    (new,) = good_again(worked_on)
    assert_good_once(worked_on, new.removeprefix("primary-"))
    assert poll(lambda: "READY" in check_wal_archive(), within=seconds(30))
    assert good_again(worked_on) == [new]


def good_again(stack: Stack) -> list[str]:
    """Return the good backups that stand in for one whose log has a gap."""
    question = "SELECT id FROM backups WHERE id LIKE '%%-again-%%' AND restored_at IS NOT NULL"
    return [str(one) for (one,) in rows(stack, question)]


def test_a_rehearsal_says_what_it_would_do_and_does_nothing(worked_on: Stack) -> None:
    window = "2026-03-02T0600Z"

    state = back_up_database(window, dry_run=True, return_state=True)

    assert state.result() == f"base backup primary-{window}: not taken"
    plan = [str(row["would"]) for row in table_of(state, "back-up-database-plan")]
    assert plan[:4] == [
        f"take base backup primary-{window}",
        f"copy base backup primary-{window} to bucket tradeops-backups",
        f"compare every file of base backup primary-{window} with its checksum",
        f"restore base backup primary-{window} beside the live server and compare every table",
    ]
    assert kinds(worked_on, window) == {}
    assert not (places(worked_on) / f"primary-{window}").exists()


@pytest.mark.parametrize(
    ("killed_at", "window"),
    [
        pytest.param("taken", "2026-03-03T0000Z", marks=pytest.mark.soak),
        ("copied", "2026-03-03T0600Z"),
        pytest.param("restored", "2026-03-03T1200Z", marks=pytest.mark.soak),
    ],
)
def test_killed_anywhere_the_next_run_comes_to_one_good_backup(
    worked_on: Stack, killed_at: str, window: str
) -> None:
    api = {"PREFECT_API_URL": str(PREFECT_API_URL.value())}
    with subprocess.Popen(
        [sys.executable, "-c", RUN, window],
        cwd=PROJECT,
        env=worked_on.environment | api,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as process:
        step = f"ensure_base_backup_{killed_at}"
        assert poll(
            lambda: step in kinds(worked_on, window), within=seconds(120), every=seconds(0.01)
        ), kinds(worked_on, window)
        process.kill()
    # A copy that was not finished is nowhere under its name.
    assert all((path / "backup.json").exists() for path in places(worked_on).glob("primary-*Z"))

    standing = back_up_database(window)

    assert "good: here and off-site" in standing
    assert_good_once(worked_on, window)


def test_without_the_bucket_the_backup_is_proven_and_the_run_red_until_it_is_back(
    worked_on: Stack,
) -> None:
    window = "2026-03-04T0000Z"
    supervisor = Supervisor(worked_on.settings.root)
    supervisor.end("cloud")
    try:
        state = back_up_database(window, return_state=True)
    finally:
        supervisor.begin("cloud")
        assert poll(lambda: worked_on.status()["cloud"].ready, within=seconds(60))
    error = state.result(raise_on_failure=False)

    assert isinstance(error, NotVerified), error
    assert "copied: expected done and verified, found" in str(error)
    question = "SELECT bucket FROM backups WHERE id = %s AND restored_at IS NOT NULL"
    assert rows(worked_on, question, f"primary-{window}") == [(None,)]

    assert "good: here and off-site" in back_up_database(window)
    assert_good_once(worked_on, window)
