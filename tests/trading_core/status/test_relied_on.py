"""What is relied on unseen, broker and backups: its failure is a number an alert can be on."""

from pathlib import Path

import psycopg

from tasks.kernel import Kind, PostgresLedger, Run
from tests.fix_postgres import OperationsDatabase, TradingDatabase, free_port
from tests.tasks.reporting.desk import settings_of
from tests.trading_core.storage.operations.test_base_backups import ENTRY
from trading_core.settings import Settings
from trading_core.status.indicators import Figure, Level
from trading_core.status.measure import measure, probe_of
from trading_core.status.probes import backups
from trading_core.storage.operations import base_backups


def test_steps_of_a_backup_that_failed_count_until_a_backup_is_good_again(
    tmp_path: Path, trading_database: TradingDatabase, operations_database: OperationsDatabase
) -> None:
    settings = settings_of(tmp_path, trading_database, operations_database)

    def failures() -> object:
        return backups.measure(settings)["backup_failures"]

    assert failures() == Figure(0, "")
    dsn = operations_database.app_dsn.get_secret_value()
    with psycopg.connect(dsn, autocommit=True) as connection:
        ledger = PostgresLedger(connection)
        for runbook in ("back-up-database", "archive-logs"):
            run = Run(runbook, "tonight", "run-1", "ann", ledger)
            ledger.append(run, run.key("ensure", ""), Kind.FAILED, f"{runbook}: no room", {})
        assert failures() == Figure(1, "back-up-database: no room")
        base_backups.save(connection, ENTRY)
        base_backups.set_restored(connection, ENTRY.id, 2.5)
    assert failures() == Figure(0, "")


def test_a_broker_that_does_not_answer_has_failed_the_test_and_is_not_merely_unknown(
    tmp_path: Path,
) -> None:
    nowhere = Settings(state_dir=tmp_path, ports={"paper_exchange": free_port()})
    nowhere.secrets_dir.mkdir()
    for secret in ("broker_key_id", "broker_secret_key"):
        (nowhere.secrets_dir / secret).write_text("k" * 20)
    [reading] = measure(nowhere, [probe_of("broker")]).values()
    assert (reading.level, reading.value) == (Level.CRITICAL, 1)
    assert "expected" in reading.found
