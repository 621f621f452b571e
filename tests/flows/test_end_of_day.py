"""A day is closed once, whatever happens on the way: breaks, rehearsals, SIGKILL.

One half day is replayed on a real core; the tests then follow it from its open to its close, in
this order.
"""

import os
import signal
import subprocess
import sys
from datetime import date
from pathlib import Path
from typing import Any

import psycopg
import pytest
from prefect.settings import PREFECT_API_URL

from flows.daily.end_of_day import end_of_day
from flows.data.repair_break import repair_break
from tasks.kernel import PostgresLedger
from tests.fix_approvals import approving
from tests.fix_core import PROJECT, WORD, Core
from tests.flows.artifacts import table_of
from tests.flows.conftest import open_session
from trading_core.clock import poll, seconds
from trading_core.errors import CheckFailed

HALF_DAY = "2013-07-03"
ID = f"eod-{HALF_DAY}-PA0000001"
IN_RECORD = ("effect_ledger", "backups")
ACTIONS = [
    "ensure_reconciliation_kept",
    "ensure_pnl_frozen",
    f"ensure_backup_taken/{ID}",
    f"ensure_backup_verified/{ID}",
    "ensure_day_closed",
    "ensure_report_written",
]


@pytest.fixture(scope="module")
def core(worked_on: Core) -> Core:
    """A core at 09:00 of a half day, trading allowed."""
    open_session(worked_on, HALF_DAY, symbols=["ACME", "BOLT"])
    worked_on.allow_trading()
    return worked_on


@pytest.fixture(scope="module")
def after_the_close(core: Core) -> Core:
    """The same core once the session has run to its end."""
    with core.peer("gateway") as gateway:
        gateway.post("/api/v1/session/run", WORD)
    assert poll(lambda: core.session()["state"] in ("finished", "stopped"), within=seconds(240))
    assert core.session()["state"] == "finished", core.session()
    return core


def one_value(core: Core, question: str) -> Any:
    database = core.operations if any(t in question for t in IN_RECORD) else core.database
    dsn = database.superuser_dsn.get_secret_value()
    with psycopg.connect(dsn) as connection:
        row = connection.execute(question).fetchone()
        return None if row is None else row[0]


def change(core: Core, statement: str) -> None:
    with psycopg.connect(core.database.superuser_dsn.get_secret_value()) as connection:
        connection.execute(statement)


def backups_of(core: Core) -> list[str]:
    directory: Path = core.settings.root / "backups"
    return sorted(path.name for path in directory.iterdir()) if directory.exists() else []


def test_before_the_close_nothing_is_done(core: Core) -> None:
    state = end_of_day(return_state=True)
    error = state.result(raise_on_failure=False)
    assert isinstance(error, CheckFailed)
    assert "session over: expected the session of 2013-07-03 closed" in str(error)
    assert one_value(core, "SELECT count(*) FROM effect_ledger") == 0


def test_a_rehearsal_plans_everything_and_does_nothing(after_the_close: Core) -> None:
    core = after_the_close
    state = end_of_day(dry_run=True, return_state=True)

    assert state.is_completed(), state
    plan = [row["would"] for row in table_of(state, "end-of-day-plan")]
    assert [line.split(" ")[0] for line in plan] == [
        *("keep", "freeze", "take", "restore", "close", "write")
    ]
    assert one_value(core, "SELECT count(*) FROM effect_ledger") == 0
    assert one_value(core, "SELECT count(*) FROM reconciliations") == 0
    assert backups_of(core) == []


def test_another_day_than_the_exchanges_is_refused(after_the_close: Core) -> None:
    state = end_of_day(trading_date=date(2013, 7, 2), return_state=True)
    error = state.result(raise_on_failure=False)
    assert isinstance(error, CheckFailed)
    assert "found the exchange is at 2013-07-03" in str(error)


def test_breaks_keep_the_day_open_and_the_report_is_made_all_the_same(
    after_the_close: Core,
) -> None:
    core = after_the_close
    change(core, "UPDATE positions SET quantity = quantity + 1 WHERE symbol = 'ACME'")
    state = end_of_day(return_state=True)

    error = state.result(raise_on_failure=False)
    assert isinstance(error, CheckFailed), error
    assert "position ACME" in str(error)
    kinds = {row["Kind"] for row in table_of(state, "end-of-day-breaks")}
    assert kinds == {"quantity"}
    assert one_value(core, "SELECT break_count FROM reconciliations") == 1
    assert one_value(core, "SELECT standing FROM current_breaks") == "open"
    assert one_value(core, "SELECT frozen_at FROM daily_pnl") is None
    assert one_value(core, "SELECT closed_at FROM trading_days") is None
    report = Path(one_value(core, "SELECT report_path FROM trading_days"))
    assert "Not closed" in report.read_text()
    assert backups_of(core) == [f"{ID}-with-breaks.dump", f"{ID}-with-breaks.manifest.json"]


def test_a_break_repaired_under_approval_is_in_nobodys_way(after_the_close: Core) -> None:
    core = after_the_close
    break_id = one_value(core, "SELECT id FROM current_breaks")
    why = "the fills are right, the position was written by hand"
    with approving(core.operations.owner_dsn) as asked:
        state = repair_break(break_id, why, return_state=True)

    assert state.is_completed(), state
    assert [len(one.plan) for one in asked] == [1]
    assert one_value(core, "SELECT standing FROM current_breaks") == "repaired"
    life = "SELECT string_agg(event, ' ' ORDER BY seq) FROM break_events"
    assert one_value(core, life) == "opened repaired"
    gone = "SELECT count(*) FROM effect_ledger WHERE key LIKE 'repair-break/%' AND kind = 'proof'"
    assert one_value(core, gone) == 1


@pytest.mark.parametrize(
    ("action", "stuck_on"),
    [
        # The dump waits for the table.
        ("ensure_backup_taken", "LOCK TABLE bars IN ACCESS EXCLUSIVE MODE"),
        # No scratch database can be made.
        ("ensure_backup_verified", "LOCK TABLE pg_database IN EXCLUSIVE MODE"),
    ],
)
def test_killed_in_the_middle_of_the_longest_steps(
    after_the_close: Core, action: str, stuck_on: str
) -> None:
    core = after_the_close
    began = f"SELECT count(*) FROM effect_ledger WHERE key LIKE '%/{action}/{ID}'"
    where = {"PREFECT_API_URL": str(PREFECT_API_URL.value())} | core.settings.environment()
    code = "from flows.daily.end_of_day import end_of_day; end_of_day()"
    with psycopg.connect(core.database.superuser_dsn.get_secret_value()) as holding:
        holding.execute(stuck_on)
        run = subprocess.Popen(
            [sys.executable, "-c", code],
            cwd=PROJECT,
            env=os.environ | where,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        reached = poll(lambda: one_value(core, began) == 1, within=seconds(120))
        run.send_signal(signal.SIGKILL)
        run.wait()
        holding.rollback()

    assert reached, f"{action} was never begun"
    assert one_value(core, began) == 1, "intended, and nothing more on record"
    assert one_value(core, "SELECT closed_at FROM trading_days") is None


def test_run_again_after_that_the_day_closes_once(after_the_close: Core) -> None:
    core = after_the_close
    first = end_of_day(return_state=True)
    again = end_of_day(return_state=True)

    assert first.result() == again.result() == "PA0000001 on 2013-07-03: Closed"
    assert one_value(core, "SELECT count(*) FROM reconciliations") == 1
    assert one_value(core, "SELECT break_count FROM reconciliations") == 0
    assert one_value(core, "SELECT standing FROM current_breaks") == "repaired"
    assert one_value(core, f"SELECT count(*) FROM backups WHERE id = '{ID}'") == 1
    assert one_value(core, f"SELECT restored_at FROM backups WHERE id = '{ID}'") is not None
    assert one_value(core, "SELECT frozen_at FROM daily_pnl") is not None
    assert one_value(core, "SELECT closed_at FROM trading_days") is not None
    files = [name for name in backups_of(core) if "with-breaks" not in name]
    assert files == [f"{ID}.dump", f"{ID}.manifest.json"]
    scratch = "SELECT count(*) FROM pg_database WHERE datname LIKE 'verify_%'"
    assert one_value(core, scratch) == 0
    report = Path(one_value(core, "SELECT report_path FROM trading_days"))
    assert "Not closed" not in report.read_text()


def test_the_ledger_has_intent_effect_and_proof_of_every_change(after_the_close: Core) -> None:
    dsn = after_the_close.operations.app_dsn.get_secret_value()
    with psycopg.connect(dsn, autocommit=True) as connection:
        ledger = PostgresLedger(connection)
        for action in ACTIONS:
            key = f"end-of-day/PA0000001 on {HALF_DAY}/{action}"
            assert ledger.since_intent(key) == ("intent", "effect", "proof"), key
        ledger.verify()


def test_books_and_profit_are_the_exchanges_to_the_cent(after_the_close: Core) -> None:
    core = after_the_close
    with core.peer("gateway") as gateway:
        portfolio = gateway.get("/api/v1/portfolio")
    ours = one_value(core, "SELECT start_equity_usd + total_pnl_usd FROM daily_pnl")
    assert str(ours) == portfolio["total_value"]
    assert one_value(core, "SELECT count(*) FROM fills") > 0
