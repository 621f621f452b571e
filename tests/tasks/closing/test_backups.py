"""A backup counts once it was restored and every table in it compared; and it is taken once."""

import hashlib
from pathlib import Path

import psycopg
import pytest

from tasks.closing.backups import (
    Vault,
    check_state_backed_up,
    ensure_backup_taken,
    ensure_backup_verified,
)
from tasks.kernel import Did, Run, Verdict, begin
from tests.fakes.ledger import DyingLedger, Killed, MemoryLedger
from tests.fix_postgres import PostgresServer, TradingDatabase
from tests.tasks.books import TwoBooks
from trading_core.domain.orders import Side
from trading_core.errors import CheckFailed, NotVerified
from trading_core.storage.connect import Database
from trading_core.storage.fingerprints import fingerprint

ID, OTHER = "eod-2024-03-05-PA7777777", "eod-2024-03-06-PA7777777"


@pytest.fixture
def vault(
    database: Database,
    trading_database: TradingDatabase,
    operations: Database,
    tmp_path: Path,
) -> Vault:
    both = TwoBooks.opened(database)
    both.trade(Side.BUY, 100)
    both.trade(Side.SELL, 30)
    return Vault(tmp_path / "backups", trading_database.owner_dsn, operations)


def scratch_databases(server: PostgresServer) -> list[str]:
    with psycopg.connect(server.superuser_dsn.get_secret_value()) as connection:
        rows = connection.execute("SELECT datname FROM pg_database WHERE datname LIKE 'verify_%'")
        return [row[0] for row in rows]


def test_a_backup_is_taken_once_and_verified_once(
    vault: Vault, run: Run, postgres_server: PostgresServer
) -> None:
    taken = ensure_backup_taken.fn(vault, ID)
    again = ensure_backup_taken.fn(vault, ID)
    verified = ensure_backup_verified.fn(vault, ID)
    verified_again = ensure_backup_verified.fn(vault, ID)

    assert (taken.did, again.did) == (Did.CHANGED, Did.NOTHING)
    assert (verified.did, verified_again.did) == (Did.CHANGED, Did.NOTHING)
    files = sorted(path.name for path in vault.directory.iterdir())
    assert files == [f"{ID}.dump", f"{ID}.manifest.json"]
    found = vault.find(ID)
    assert found is not None
    assert found.verified_at is not None
    assert found.tables["fills"]["rows"] == 2
    assert scratch_databases(postgres_server) == []


def test_the_state_is_backed_up_once_it_is_in_a_backup_that_was_restored(
    vault: Vault, trading_database: TradingDatabase, run: Run
) -> None:
    assert check_state_backed_up.fn(vault, ID).verdict is Verdict.UNKNOWN
    ensure_backup_taken.fn(vault, ID)
    without = check_state_backed_up.fn(vault, ID)
    assert (without.verdict, without.value) == (Verdict.FAIL, 1)
    assert without.found == f"{ID}: 1 positions, 1 daily_pnl, no bars, never restored"

    with psycopg.connect(trading_database.owner_dsn.get_secret_value()) as owner:
        owner.execute(
            "INSERT INTO bars (source, symbol, started_at, open_usd, high_usd, low_usd, close_usd,"
            " volume) VALUES ('synthetic', 'ACME', '2024-03-05 14:30Z', 50, 51, 49, 50, 100)"
        )
    ensure_backup_taken.fn(vault, OTHER)
    assert check_state_backed_up.fn(vault, OTHER).verdict is Verdict.FAIL
    ensure_backup_verified.fn(vault, OTHER)
    whole = check_state_backed_up.fn(vault, OTHER)
    assert (whole.verdict, whole.found) == (
        Verdict.PASS,
        f"{OTHER}: 1 positions, 1 daily_pnl, 1 bars",
    )


def test_what_is_written_after_the_dump_does_not_make_it_differ(
    vault: Vault, database: Database, run: Run
) -> None:
    ensure_backup_taken.fn(vault, ID)
    with database.transaction() as connection:
        connection.execute("UPDATE positions SET updated_at = clock_timestamp()")
    assert ensure_backup_verified.fn(vault, ID).did is Did.CHANGED


def test_a_row_that_is_not_what_it_was_is_found(
    vault: Vault, run: Run, postgres_server: PostgresServer
) -> None:
    ensure_backup_taken.fn(vault, ID)
    with vault.operations.transaction() as connection:
        wrong = "jsonb_set(state, '{fills,checksum}', '\"1\"')"
        connection.execute(f"UPDATE backups SET state = {wrong}")

    with pytest.raises(NotVerified, match="different: fills"):
        ensure_backup_verified.fn(vault, ID)

    found = vault.find(ID)
    assert found is not None
    assert found.verified_at is None
    assert scratch_databases(postgres_server) == []


def test_a_damaged_file_is_not_restored_and_is_taken_anew(vault: Vault, run: Run) -> None:
    ensure_backup_taken.fn(vault, ID)
    dump = vault.path(ID)
    dump.write_bytes(dump.read_bytes()[:-1])

    with pytest.raises(CheckFailed, match="expected the file the catalogue describes"):
        ensure_backup_verified.fn(vault, ID)

    assert ensure_backup_taken.fn(vault, ID).did is Did.CHANGED
    assert ensure_backup_verified.fn(vault, ID).did is Did.CHANGED


def test_killed_before_the_catalogue_knows_there_is_still_one_backup(vault: Vault) -> None:
    ledger = MemoryLedger()
    dying = DyingLedger(ledger, 1, written=False)  # just after the dump, before "effect"
    vault.directory.mkdir(parents=True)
    (vault.directory / f".{ID}.999.part").write_text("half a dump of a run that was killed")

    with begin(Run("end-of-day", "tonight", "run-1", "ann", dying)), pytest.raises(Killed):
        ensure_backup_taken.fn(vault, ID)
    with begin(Run("end-of-day", "tonight", "run-2", "ann", ledger)):
        again = ensure_backup_taken.fn(vault, ID)

    assert again.did is Did.NOTHING
    assert ledger.kinds() == ["intent", "effect", "proof"]
    files = sorted(path.name for path in vault.directory.iterdir())
    assert files == [f"{ID}.dump", f"{ID}.manifest.json"]


def test_a_scratch_database_left_by_a_killed_run_is_replaced(
    vault: Vault, run: Run, postgres_server: PostgresServer
) -> None:
    ensure_backup_taken.fn(vault, ID)
    ensure_backup_verified.fn(vault, ID)
    with vault.operations.transaction() as connection:
        connection.execute("UPDATE backups SET restored_at = NULL")
    name = "verify_" + hashlib.sha256(ID.encode()).hexdigest()[:16]
    owner = vault.owner_dsn.get_secret_value()
    with psycopg.connect(owner, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")

    assert ensure_backup_verified.fn(vault, ID).did is Did.CHANGED
    assert scratch_databases(postgres_server) == []


def test_a_rehearsal_leaves_no_file(vault: Vault, rehearsal: Run) -> None:
    assert ensure_backup_taken.fn(vault, ID).did is Did.PLANNED
    assert ensure_backup_verified.fn(vault, ID).did is Did.PLANNED
    assert not vault.directory.exists()


def test_a_fingerprint_sees_every_table_and_every_change(vault: Vault, database: Database) -> None:
    with database.transaction() as connection:
        before = fingerprint(connection)
        connection.execute("UPDATE positions SET realized_pnl_usd = realized_pnl_usd + 0.000001")
        after = fingerprint(connection)
        connection.rollback()
    assert {"fills", "orders", "positions", "alembic_version"} <= before.keys()
    assert before["positions"] != after["positions"]
    assert before["fills"] == after["fills"]
