"""SIGKILL a rotation at three points, run it again each time: it rotates once, and ends."""

import subprocess
import sys
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from signal import SIGKILL
from typing import Any

import psycopg
import pytest

from infra.secret_store import open_store
from tests.deployments.fix_desk import clear_desk
from tests.faults.session import in_record, session_on
from tests.fix_approvals import approving
from tests.fix_stack import PROJECT, Stack
from trading_core.clock import poll, seconds
from trading_core.secret_store.contract import Stage

pytestmark = pytest.mark.slow

POINTS = ("ensure_next_let_in", "ensure_next_handed_out", "ensure_former_refused")
_RUN = """
import sys
from {module} import {function} as runbook
runbook("drill of a killed rotation", float(sys.argv[1]))
"""
RUNBOOKS = {
    "rotate-database-password": ("trading_database_login", "rotate_database_password"),
    "rotate-broker-key": ("broker_key", "rotate_broker_key"),
}


@pytest.fixture
def approved(stack: Stack) -> Iterator[Stack]:
    clear_desk(stack)
    with session_on(stack) as session:
        session.open(date(2024, 12, 24))
    with approving(stack.settings.secret("operations_owner_dsn")):
        yield stack
    clear_desk(stack)


@pytest.mark.parametrize("runbook", RUNBOOKS)
def test_killed_three_times_on_its_way_it_rotates_once(
    approved: Stack, runbook: str, tmp_path: Path
) -> None:
    name, _ = RUNBOOKS[runbook]
    store = open_store(approved.settings)
    before, promoted = store.read(name, Stage.CURRENT), promotions(approved, runbook)
    for point in POINTS:
        with started(approved, runbook, tmp_path, older_than_days=0) as process:
            kill_at(approved, runbook, point, process)
            assert process.returncode == -SIGKILL, (tmp_path / "said").read_text()[-4000:]
    # What is under way is ended; nothing new is begun: the secret is of today.
    with started(approved, runbook, tmp_path, older_than_days=1) as process:
        assert process.wait(timeout=240) == 0, (tmp_path / "said").read_text()[-4000:]

    after = store.read(name, Stage.CURRENT)
    assert after is not None
    assert before is None or after.id != before.id
    assert store.read(name, Stage.PENDING) is None
    assert store.read(name, Stage.PREVIOUS) is None
    assert promotions(approved, runbook) == promoted + 1
    assert_every_intent_is_closed(approved, runbook)
    assert approved.is_whole()


class _Ended(subprocess.Popen[bytes]):
    """A process that is ended, not waited for, when its block is left."""

    def __exit__(self, *_: object) -> None:
        self.kill()
        self.wait()


def kill_at(stack: Stack, runbook: str, step: str, process: _Ended) -> None:
    """Kill the run as soon as it has written down that it is about to make a change."""
    dsn = stack.settings.secret("operations_dsn").get_secret_value()
    with psycopg.connect(dsn, autocommit=True) as connection:
        known = intents(connection, runbook, step)
        poll(
            lambda: intents(connection, runbook, step) > known or process.poll() is not None,
            within=seconds(240),
            every=timedelta(milliseconds=5),
        )
    process.kill()
    process.wait()


def started(stack: Stack, runbook: str, directory: Path, *, older_than_days: float) -> _Ended:
    """Start a runbook in a process of its own, against the stack's Prefect."""
    function = RUNBOOKS[runbook][1]
    code = _RUN.format(module=f"flows.security.{function}", function=function)
    api = {"PREFECT_API_URL": f"{stack.settings.url('prefect_server')}/api"}
    with (directory / "said").open("wb") as said:
        return _Ended(
            [sys.executable, "-c", code, str(older_than_days)],
            cwd=PROJECT,
            env=stack.environment | api,
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=subprocess.STDOUT,
        )


def intents(connection: psycopg.Connection[Any], runbook: str, step: str) -> int:
    question = "SELECT count(*) FROM effect_ledger WHERE key LIKE %s AND kind = 'intent'"
    row = connection.execute(question, [f"{runbook}/%/{step}/%"]).fetchone()
    return int(row[0]) if row else 0


def promotions(stack: Stack, runbook: str) -> int:
    question = "SELECT count(*) FROM effect_ledger WHERE key LIKE %s AND kind = 'proof'"
    return int(str(in_record(stack, question, f"{runbook}/%/ensure_next_current/%")[0][0]))


def assert_every_intent_is_closed(stack: Stack, runbook: str) -> None:
    lines = in_record(
        stack,
        "SELECT key, kind FROM effect_ledger WHERE key LIKE %s ORDER BY seq",
        f"{runbook}/%/ensure_%",
    )
    last: dict[str, str] = {str(key): str(kind) for key, kind in lines}
    assert set(last.values()) == {"proof"}, last
