"""Restores on a real stack: a trading day under way, a past state wanted, or the data gone."""

import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
from prefect.settings import (
    PREFECT_API_URL,
    PREFECT_FLOWS_HEARTBEAT_FREQUENCY,
    temporary_settings,
)

from flows.backup.back_up_database import back_up_database
from flows.emergency.resume_trading import resume_trading
from flows.recovery.restore_database import restore_database
from infra.bucket import Bucket
from infra.embedded import postgres
from infra.postgres.lsn import position
from infra.postgres.wal_archive.app import Places
from infra.postgres.wal_archive.folder import Folder
from infra.postgres.wal_archive.offsite import Offsite
from tasks.kernel import PostgresLedger
from tests.faults.session import at_exchange, executions, query, recorded, session_on
from tests.fix_approvals import approving
from tests.fix_core import WORD
from tests.fix_stack import PROJECT, Stack, running_stack
from tests.flows.artifacts import table_of
from trading_core.clock import SystemClock, poll, seconds
from trading_core.errors import CheckFailed
from trading_core.peers import Peer
from trading_core.services import Group, in_group
from trading_core.storage.connect import connect
from trading_core.storage.operations import base_backups, recoveries
from trading_core.storage.operations.base_backups import Entry

pytestmark = pytest.mark.slow

CORE = [row.name for row in in_group(Group.CORE)]
STOPPED = [*reversed(CORE), "wal_archive", "postgres"]
RUN = """
import sys
from flows.recovery.restore_database import restore_database
restore_database("the data are gone", "latest")
"""
SWAPPED = "ensure_database_swapped"
# Unpacking or replaying, swapping, and starting what stands on it.
EVERYWHERE = ("ensure_scratch_recovered", SWAPPED, "ensure_service_running/risk_manager")


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A stack of its own, and this process's environment pointing at it."""
    with (
        running_stack(tmp_path_factory.mktemp("own")) as stack,
        pytest.MonkeyPatch.context() as environment,
    ):
        for name, value in stack.settings.environment().items():
            environment.setenv(name, value)
        api = f"{stack.settings.url('prefect_server')}/api"
        with temporary_settings({PREFECT_API_URL: api, PREFECT_FLOWS_HEARTBEAT_FREQUENCY: None}):
            yield stack


@pytest.fixture(scope="module")
def account(own: Stack) -> str:
    """The account of a session of which 20 minutes were played before a backup."""
    with session_on(own) as session:
        opened = session.open()
    play_until(own, 20)
    assert "good: here and off-site" in back_up_database("first")
    return opened


def play_until(stack: Stack, minutes: int) -> None:
    """Let the session go on until so many minutes were played, and pause it there."""
    with Peer(stack.settings, "gateway") as gateway:
        gateway.post("/api/v1/session/run", WORD)
        assert poll(
            lambda: gateway.get("/api/v1/session")["minutes_done"] >= minutes, within=seconds(60)
        )
        gateway.post("/api/v1/session/pause", WORD, within=seconds(15))


def kept(stack: Stack) -> list[str]:
    """Return the replaced data that are kept."""
    settings = stack.settings
    home = postgres.cluster(settings.root, settings.host, settings.port("postgres")).home
    return sorted(path.name for path in home.glob("data.before-*"))


def resumed(stack: Stack) -> Any:
    with approving(stack.settings.secret("operations_owner_dsn")):
        return resume_trading("the books agree", return_state=True)


def test_what_cannot_be_reached_is_refused_before_anything_is_stopped(
    own: Stack, account: str
) -> None:
    before = own.pids()
    long_ago = datetime(2020, 1, 1, tzinfo=UTC).isoformat()
    for target, said in ((long_ago, "nearest reachable time"), ("2026-03-02T15:04:05", "zone")):
        state: Any = restore_database("a trial", target, return_state=True)
        with pytest.raises(CheckFailed, match=said):
            state.result()
    assert own.pids() == before


def test_a_rehearsal_says_what_would_be_done_and_does_nothing(own: Stack, account: str) -> None:
    before = own.pids()
    state: Any = restore_database("a trial", "latest", dry_run=True, return_state=True)

    assert state.is_completed(), state
    plan = [row["would"] for row in table_of(state, "restore-database-plan")]
    assert plan[0] == "recover latest beside the live server"
    assert [step for step in plan if step.startswith("stop")] == [f"stop {n}" for n in STOPPED]
    assert plan[-1] == "replace the trading database by its state at latest"
    assert own.pids() == before
    assert not kept(own)


def test_a_past_state_is_restored_and_the_exchange_brings_the_books_up_to_date(
    own: Stack, account: str
) -> None:
    play_until(own, 60)
    moment = SystemClock().now()
    play_until(own, 100)

    with approving(own.settings.secret("operations_owner_dsn")):
        state: Any = restore_database("a trial", moment.isoformat(), return_state=True)

    assert state.is_completed(), state
    compared = {row["table"]: row for row in table_of(state, "restore-database-comparison")}
    assert int(compared["fills"]["lost"]) > 0
    assert recorded(own, account) == executions(at_exchange(own))
    assert not query(own, "SELECT 1 FROM orders WHERE strategy = 'external'")
    assert len(kept(own)) == 1
    with connect(own.settings.secret("operations_dsn"), application="tests") as connection:
        cost = recoveries.newest(connection, "restore")
    assert cost is not None
    assert cost.rpo_seconds is not None
    assert set(cost.parts) >= {"recovered", "approved", "stopped", "swapped", "reconciled"}
    assert resumed(own).is_completed()


@pytest.mark.parametrize(
    "killed_in",
    [(SWAPPED,), pytest.param(EVERYWHERE, marks=pytest.mark.soak)],
    ids=["once", "again and again"],
)
def test_killed_on_the_way_the_loss_of_all_data_is_restored_once(
    own: Stack, account: str, killed_in: tuple[str, ...]
) -> None:
    play_until(own, 120)
    # All that was written is on its way to the archive; then the data go, server and all.
    before, kept_before = recorded(own, account), kept(own)
    lose_the_data(own)

    with approving(own.settings.secret("operations_owner_dsn")):
        for action in killed_in:
            killed_at(own, action)
        state: Any = restore_database("the data are gone", "latest", return_state=True)

    assert state.is_completed(), state
    assert recorded(own, account) == before == executions(at_exchange(own))
    assert len(kept(own)) == len(kept_before) + 1
    with psycopg.connect(own.settings.secret("operations_dsn").get_secret_value()) as connection:
        assert PostgresLedger(connection).verify()
    assert own.is_whole()
    assert resumed(own).is_completed()
    play_until(own, 130)
    assert recorded(own, account) == executions(at_exchange(own))


@pytest.mark.soak
def test_with_disk_and_catalogue_lost_too_the_bucket_is_enough(own: Stack, account: str) -> None:
    play_until(own, 140)
    have_all_off_site(own)
    before, (known,) = recorded(own, account), catalogue(own)
    lose_the_data(own)
    shutil.rmtree(own.settings.root / "backups")
    owner = own.settings.secret("operations_owner_dsn").get_secret_value()
    with psycopg.connect(owner) as connection:
        connection.execute("DELETE FROM backups")

    with approving(own.settings.secret("operations_owner_dsn")):
        state: Any = restore_database("the disk is gone", "latest", return_state=True)

    assert state.is_completed(), state
    assert recorded(own, account) == before == executions(at_exchange(own))
    (again,) = catalogue(own)
    assert again.held_by is not None  # by the restore that has just used it
    assert again == replace(known, held_by=again.held_by, held_until=again.held_until)
    assert poll(own.is_whole, within=seconds(30)), own.status()
    assert resumed(own).is_completed()


def have_all_off_site(stack: Stack) -> None:
    """Have the bucket hold the log up to now, as the archive does once a minute."""
    end = position(str(query(stack, "SELECT pg_current_wal_flush_lsn()::text")[0][0]))
    with Peer(stack.settings, "wal_archive") as archive:
        assert poll(
            lambda: position(archive.get("/status")["received_lsn"]) >= end, within=seconds(20)
        )
    folder = Folder(Places.of(stack.settings.root).archive)
    Offsite(Bucket.of(stack.settings), folder, timedelta(0)).copy(end)


def catalogue(stack: Stack) -> list[Entry]:
    with connect(stack.settings.secret("operations_dsn"), application="tests") as connection:
        return base_backups.good(connection, stack.settings.site)


def lose_the_data(stack: Stack) -> None:
    """Have the trading server's files vanish under it."""
    settings = stack.settings
    cluster = postgres.cluster(settings.root, settings.host, settings.port("postgres"))
    for name in ("global", "base"):
        subprocess.run(["rm", "-rf", str(cluster.data_dir / name)], check=True)
    stack.process("postgres").send_signal(signal.SIGQUIT)
    assert poll(lambda: not cluster.answers(), within=seconds(20))


def killed_at(stack: Stack, action: str) -> None:
    """Start a restore in a process of its own and kill it when it is about to do `action`."""
    began = intents(stack, action)
    log = Path(stack.settings.root / "killed.log")
    environment = stack.environment | {
        "PREFECT_API_URL": f"{stack.settings.url('prefect_server')}/api"
    }
    with log.open("ab") as output:
        process = subprocess.Popen(
            [sys.executable, "-c", RUN],
            cwd=PROJECT,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
        )
    try:
        assert poll(
            lambda: intents(stack, action) > began or process.poll() is not None,
            within=seconds(240),
            every=timedelta(milliseconds=5),
        ), f"restore-database never came to {action}: {log.read_text()[-2000:]}"
        assert process.poll() is None, f"it ended by itself: {log.read_text()[-2000:]}"
    finally:
        process.kill()
        process.wait()


def intents(stack: Stack, action: str) -> int:
    dsn = stack.settings.secret("operations_dsn").get_secret_value()
    with psycopg.connect(dsn) as connection:
        row = connection.execute(
            "SELECT count(*) FROM effect_ledger WHERE kind = 'intent' AND key LIKE %s",
            (f"restore-database/%/{action}%",),
        ).fetchone()
    assert row is not None
    return int(row[0])
