"""A backup that is good and whose run died behind the restore is seen until it is finished."""

from pathlib import Path

import psycopg

from tasks.backup.base_backups import BaseVault
from tasks.backup.wal_archive import BACK_UP, check_newest_backup_proven
from tasks.kernel import Kind, PostgresLedger, Run, Verdict
from tests.fix_postgres import OperationsDatabase
from tests.trading_core.storage.operations.test_base_backups import ENTRY
from trading_core.settings import Settings
from trading_core.storage.connect import Database
from trading_core.storage.operations import base_backups

WINDOW = ENTRY.id.removeprefix("primary-")


def test_a_step_of_the_newest_good_backup_that_nobody_saw_done_is_told_until_it_is_proven(
    tmp_path: Path, operations: Database, operations_database: OperationsDatabase
) -> None:
    vault = BaseVault(Settings(state_dir=tmp_path), operations)
    assert check_newest_backup_proven.fn(vault).verdict is Verdict.PASS
    with operations.transaction() as connection:
        base_backups.save(connection, ENTRY)
        base_backups.set_restored(connection, ENTRY.id, 2.5)

    dsn = operations_database.app_dsn.get_secret_value()
    with psycopg.connect(dsn, autocommit=True) as connection:
        ledger = PostgresLedger(connection)
        run = Run(BACK_UP, WINDOW, "run-1", "ann", ledger)
        for step, proven in (("taken", True), ("restored", False)):
            key = run.key(f"ensure_base_backup_{step}", ENTRY.id)
            ledger.append(run, key, Kind.INTENT, f"have it {step}", {})
            ledger.append(run, key, Kind.EFFECT, f"asked to have it {step}", {})
            if proven:
                ledger.append(run, key, Kind.PROOF, f"verified: {step}", {})
        found = check_newest_backup_proven.fn(vault)
        assert (found.verdict, found.found) == (Verdict.WARN, f"of {WINDOW}: have it restored")

        ledger.append(run, key, Kind.PROOF, "found after an interruption", {})
    assert check_newest_backup_proven.fn(vault).verdict is Verdict.PASS
