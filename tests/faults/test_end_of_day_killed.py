"""SIGKILL worker and flow in the middle of end-of-day, run it again: the day closes once."""

import subprocess
import sys
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

import psutil
import psycopg
import pytest

from tasks.kernel import PostgresLedger
from tests.faults.session import DAY, in_record, query, session_on
from tests.fix_stack import PROJECT, Stack
from trading_core.clock import poll, seconds

pytestmark = pytest.mark.slow

RUN_END_OF_DAY = ("run", "end-of-day")
ACTIONS = (
    "ensure_reconciliation_kept",
    "ensure_pnl_frozen",
    "ensure_backup_taken",
    "ensure_backup_verified",
    "ensure_day_closed",
    "ensure_report_written",
)


@pytest.mark.parametrize(
    "killed_at", ["ensure_pnl_frozen", "ensure_backup_taken", "ensure_day_closed"]
)
def test_the_day_closes_once_whatever_end_of_day_was_doing_when_it_died(
    stack: Stack, killed_at: str
) -> None:
    with session_on(stack) as session:
        account = session.open()
        session.play({})

    with closing_of_the_day(stack):
        assert poll(
            lambda: intends(stack, account, killed_at),
            within=seconds(120),
            every=timedelta(milliseconds=5),
        ), f"end-of-day never came to {killed_at}"
        kill_worker_and_flows(stack)
    again = stack.tradeops(*RUN_END_OF_DAY)

    assert again.returncode == 0, again.stdout + again.stderr
    assert_closed_once(stack, account)
    assert_every_intent_is_proven(stack, account)


def closing_of_the_day(stack: Stack) -> subprocess.Popen[bytes]:
    """Start end-of-day as an operator would, and do not wait; leaving the block ends our part."""
    command = [sys.executable, "-c", "from deployments.cli.main import main; main()"]
    return _Ended(
        [*command, *RUN_END_OF_DAY],
        cwd=PROJECT,
        env=stack.environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


class _Ended(subprocess.Popen[bytes]):
    """A process that is ended, not waited for, when its block is left."""

    def __exit__(self, *_: object) -> None:
        self.kill()
        self.wait()


def kill_worker_and_flows(stack: Stack) -> None:
    worker = stack.process("prefect_worker")
    for process in [worker, *worker.children(recursive=True)]:
        with suppress(psutil.NoSuchProcess):  # ended by itself meanwhile
            process.kill()
    psutil.wait_procs([worker], timeout=10)


def intends(stack: Stack, account: str, action: str) -> bool:
    like = f"end-of-day/%{account}%{DAY}%/{action}%"
    return bool(in_record(stack, "SELECT 1 FROM effect_ledger WHERE key LIKE %s", like))


def assert_closed_once(stack: Stack, account: str) -> None:
    for table, final in (
        ("trading_days", "closed_at IS NOT NULL"),
        ("daily_pnl", "frozen_at IS NOT NULL"),
        ("reconciliations", "break_count = 0"),
    ):
        rows = query(
            stack,
            f"SELECT 1 FROM {table} WHERE {final} AND account = %s AND trading_date = %s",
            account,
            DAY,
        )
        assert len(rows) == 1, table
    backups = in_record(
        stack,
        "SELECT path FROM backups WHERE id LIKE %s AND restored_at IS NOT NULL",
        f"%{DAY}-{account}",
    )
    assert len(backups) == 1
    kept = Path(str(backups[0][0]))
    assert [kept] == [path for path in kept.parent.glob("*.dump*") if kept.stem in path.name]


def assert_every_intent_is_proven(stack: Stack, account: str) -> None:
    lines = in_record(
        stack,
        "SELECT key, kind FROM effect_ledger WHERE key LIKE %s ORDER BY seq",
        f"end-of-day/%{account}%{DAY}%",
    )
    kinds: dict[str, list[str]] = {}
    for key, kind in lines:
        kinds.setdefault(str(key), []).append(str(kind))
    for action in ACTIONS:
        found = [said for key, said in kinds.items() if f"/{action}" in key]
        assert len(found) == 1, (action, kinds)
        (told,) = found
        assert {"intent", "effect", "proof"} <= set(told), (action, told)
        assert told[-1] == "proof", (action, told)
        assert told.count("proof") == 1, (action, told)
    with psycopg.connect(stack.settings.secret("operations_dsn").get_secret_value()) as connection:
        assert PostgresLedger(connection).verify() >= len(lines)
