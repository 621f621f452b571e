"""A base backup is good once it was restored and every table was what it was at a known moment."""

import shutil
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from threading import Event, Thread

import psycopg
import pytest

from infra.postgres.backup import base_backup
from infra.postgres.backup.retention import Policy
from infra.postgres.lsn import position
from infra.postgres.restoring import still
from tasks.backup.base_backups import (
    BaseVault,
    check_room_for_backup,
    ensure_base_backup_copied,
    ensure_base_backup_restored,
    ensure_base_backup_taken,
    ensure_base_backup_verified,
    standing_of,
)
from tasks.backup.retention import ensure_old_backups_removed, ensure_old_copies_removed
from tasks.backup.wal_archive import (
    check_log_received,
    check_log_unbroken,
    check_offsite_recovery_point,
    check_recovery_point,
)
from tasks.backup.walk import (
    check_backups_kept,
    check_base_backups_whole,
    check_copies_complete,
    check_dumps_whole,
    ensure_changed_marked,
)
from tasks.kernel import Checklist, Did, Run, Verdict, begin, settle
from tasks.recovery.restore_drill import (
    check_backup_to_restore,
    check_restore_in_target,
    ensure_restore_rehearsed,
)
from tests.fakes.ledger import DyingLedger, Killed, MemoryLedger
from tests.fix_backups import CopiedServer, copied_server
from tests.fix_cloud import LocalCloud, running_cloud
from trading_core.clock import SystemClock, poll, seconds
from trading_core.errors import CheckFailed, NotVerified, Unreachable
from trading_core.storage.connect import Database
from trading_core.storage.operations import base_backups, day_backups
from trading_core.storage.operations.base_backups import Entry
from trading_core.storage.operations.day_backups import DayBackup

ID = "primary-2026-03-02T1200Z"


@pytest.fixture(scope="module")
def cloud() -> Iterator[LocalCloud]:
    with running_cloud() as one:
        yield one


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, cloud: LocalCloud) -> Iterator[CopiedServer]:
    with copied_server(tmp_path_factory.mktemp("copied"), cloud.endpoint) as one:
        one.execute("CREATE TABLE ticks (i bigint PRIMARY KEY, id text)")
        one.start_archive()
        yield one


@pytest.fixture
def vault(server: CopiedServer) -> Iterator[BaseVault]:
    """A vault with an empty catalogue, no backup and nothing in the bucket."""
    operations_dsn = server.settings.secret("operations_dsn")
    with Database(operations_dsn, application="tests") as operations:
        one = BaseVault(server.settings, operations)
        yield one
    shutil.rmtree(one.places, ignore_errors=True)
    one.bucket.remove(one.bucket.keys("base/"))
    with psycopg.connect(server.settings.secret("operations_owner_dsn").get_secret_value()) as db:
        db.execute("DELETE FROM backups")


def back_up(vault: BaseVault, backup_id: str = ID) -> list[Did]:
    return [
        step.fn(vault, backup_id).did
        for step in (
            ensure_base_backup_taken,
            ensure_base_backup_copied,
            ensure_base_backup_verified,
            ensure_base_backup_restored,
        )
    ]


def scratches(vault: BaseVault) -> list[Path]:
    return list(vault.live.home.glob("restore-test-*"))


def test_a_backup_taken_under_writes_is_restored_row_by_row_and_made_once(
    vault: BaseVault, server: CopiedServer, run: Run
) -> None:
    with writing(server):
        first = back_up(vault)
        again = back_up(vault)

    assert first == [Did.CHANGED] * 4
    assert again == [Did.NOTHING] * 4
    entry = vault.find(ID)
    assert entry is not None
    assert entry.is_good
    assert position(entry.stop_lsn) < position(entry.state_lsn)
    assert entry.state["ticks"]["rows"] > 0
    assert entry.state["heartbeat"]["rows"] == 1
    assert "good: here and off-site" in standing_of(entry)
    assert [path.name for path in vault.places.iterdir()] == [ID]
    assert scratches(vault) == []
    assert check_log_unbroken.fn(vault).verdict is Verdict.PASS


def test_a_row_that_is_not_what_it_was_is_found(vault: BaseVault, run: Run) -> None:
    ensure_base_backup_taken.fn(vault, ID)
    entry = vault.find(ID)
    assert entry is not None
    wrong = {**entry.state, "ticks": {"rows": entry.state["ticks"]["rows"], "checksum": "1"}}
    with vault.operations.transaction() as connection:
        base_backups.save(connection, replace(entry, state=wrong))

    with pytest.raises(NotVerified, match="different: ticks"):
        ensure_base_backup_restored.fn(vault, ID)

    found = vault.find(ID)
    assert found is not None
    assert not found.is_good
    assert scratches(vault) == []


def test_a_damaged_backup_is_never_good_and_is_taken_anew(vault: BaseVault, run: Run) -> None:
    taken = ensure_base_backup_taken.fn(vault, ID).value
    assert taken is not None
    archive = base_backup.read(taken.path).archive
    archive.write_bytes(archive.read_bytes()[:-1])

    with pytest.raises(CheckFailed, match=f"changed: {archive.name}"):
        ensure_base_backup_verified.fn(vault, ID)
    with pytest.raises(CheckFailed, match=f"expected {archive.name} as it was written"):
        ensure_base_backup_restored.fn(vault, ID)

    assert ensure_base_backup_taken.fn(vault, ID).did is Did.CHANGED
    assert ensure_base_backup_verified.fn(vault, ID).did is Did.CHANGED


def test_killed_after_the_copy_and_before_the_catalogue_the_copy_is_not_made_twice(
    vault: BaseVault,
) -> None:
    with begin(Run("back-up-database", "w", "run-0", "ann", MemoryLedger())):
        taken = ensure_base_backup_taken.fn(vault, ID).value
    assert taken is not None
    made = (taken.path / "backup.json").stat().st_mtime_ns
    with vault.operations.transaction() as connection:
        connection.execute("UPDATE backups SET id = 'lost', path = '/nowhere'")

    with begin(Run("back-up-database", "w", "run-1", "ann", MemoryLedger())):
        assert ensure_base_backup_taken.fn(vault, ID).did is Did.CHANGED

    assert (taken.path / "backup.json").stat().st_mtime_ns == made


def test_killed_before_the_proof_the_ledger_is_closed_and_nothing_repeated(
    vault: BaseVault,
) -> None:
    ledger = MemoryLedger()
    dying = DyingLedger(ledger, 1, written=False)
    with begin(Run("back-up-database", "w", "run-1", "ann", dying)), pytest.raises(Killed):
        ensure_base_backup_taken.fn(vault, ID)
    with begin(Run("back-up-database", "w", "run-2", "ann", ledger)):
        assert ensure_base_backup_taken.fn(vault, ID).did is Did.NOTHING
    assert ledger.kinds() == ["intent", "effect", "proof"]


def test_a_bucket_that_is_gone_is_told_and_one_that_forgot_is_filled_again(
    vault: BaseVault, run: Run, cloud: LocalCloud
) -> None:
    ensure_base_backup_taken.fn(vault, ID)
    cloud.stop()
    with pytest.raises((Unreachable, NotVerified), match=r"bucket|object"):
        ensure_base_backup_copied.fn(vault, ID)
    cloud.start()

    assert ensure_base_backup_copied.fn(vault, ID).did is Did.CHANGED
    assert ensure_base_backup_copied.fn(vault, ID).did is Did.NOTHING
    cloud.stop()
    cloud.start()
    assert ensure_base_backup_copied.fn(vault, ID).did is Did.CHANGED
    entry = vault.find(ID)
    assert entry is not None
    assert len(vault.bucket.keys(f"base/{ID}/")) == len(entry.files) + 1


def test_old_backups_go_and_two_good_ones_stay(
    vault: BaseVault, server: CopiedServer, run: Run
) -> None:
    ids = [f"{ID}-{number}" for number in range(4)]
    first = ensure_base_backup_taken.fn(vault, ids[0]).value
    assert first is not None
    for number, one in enumerate(ids):
        prove(vault, first, one, timedelta(minutes=number))
    at_once = Policy(timedelta(0), timedelta(0), timedelta(0))

    assert ensure_old_backups_removed.fn(vault).did is Did.NOTHING
    with vault.operations.transaction() as connection:
        until = SystemClock().now() + timedelta(days=1)
        base_backups.hold(connection, ids[0], "a restore", until)
    # It would put back what it was copying: what goes at once here is kept for days in life.
    server.stop_archive()
    removed = ensure_old_backups_removed.fn(vault, at_once)
    emptied = ensure_old_copies_removed.fn(vault, at_once)

    assert (removed.did, emptied.did) == (Did.CHANGED, Did.CHANGED)
    assert sorted(path.name for path in vault.places.iterdir()) == [ids[0], ids[3]]
    assert set(vault.bucket.keys("base/")) == {f"base/{ids[0]}/one", f"base/{ids[3]}/one"}
    entry = vault.find(ids[1])
    assert entry is not None
    assert entry.removed_because == f"older than 0 days, {ids[3]} is good"
    assert ensure_old_backups_removed.fn(vault, at_once).did is Did.NOTHING
    assert ensure_old_copies_removed.fn(vault, at_once).did is Did.NOTHING
    server.start_archive()


def test_a_rehearsal_takes_nothing(vault: BaseVault, rehearsal: Run) -> None:
    assert back_up(vault) == [Did.PLANNED] * 4
    assert not vault.places.exists()
    assert vault.entries() == []


def test_the_archive_is_measured_and_a_missing_segment_is_named(
    vault: BaseVault, server: CopiedServer, run: Run
) -> None:
    back_up(vault)
    settings = server.settings
    assert check_recovery_point.fn(settings).verdict is Verdict.PASS
    assert check_offsite_recovery_point.fn(settings).verdict is Verdict.PASS
    with Database(settings.secret("trading_dsn"), application="tests") as database:
        assert check_log_received.fn(database).verdict is Verdict.PASS
    assert check_room_for_backup.fn(vault).verdict is Verdict.PASS

    entry = vault.find(ID)
    assert entry is not None
    folder = vault.archive.directory
    name = str(server.value(f"SELECT pg_walfile_name('{entry.start_lsn}')"))
    server.value("SELECT pg_switch_wal()::text")
    assert poll((folder / f"{name}.sha256").exists, within=seconds(15))
    (folder / name).rename(folder.parent / name)
    try:
        broken = check_log_unbroken.fn(vault)
    finally:
        (folder.parent / name).rename(folder / name)
    assert broken.verdict is Verdict.FAIL
    assert f"segment {name} is missing" in broken.found


def test_without_any_good_backup_the_archive_is_red(vault: BaseVault) -> None:
    found = check_log_unbroken.fn(vault)
    assert found.verdict is Verdict.FAIL
    assert "no base backup was restored" in found.found


def test_a_table_that_is_written_to_all_the_time_is_held_still_for_a_moment(
    server: CopiedServer,
) -> None:
    owner = server.settings.secret("owner_dsn")
    with writing(server) as failed:
        found = [still.measure(owner) for _ in range(3)]
    rows = [int(one.tables["ticks"]["rows"]) for one in found]
    assert rows == sorted(rows)
    assert rows[0] < rows[-1]
    assert failed == []


class writing:  # noqa: N801 - a block, not a thing
    """Insert rows in small transactions of their own for the length of a block."""

    def __init__(self, server: CopiedServer) -> None:
        self._dsn = server.settings.secret("owner_dsn").get_secret_value()
        self._stop = Event()
        self._failed: list[str] = []
        self._thread = Thread(target=self._write, daemon=True)

    def __enter__(self) -> list[str]:
        self._thread.start()
        return self._failed

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join(10)

    def _write(self) -> None:
        with psycopg.connect(self._dsn, autocommit=True) as connection:
            while not self._stop.is_set():
                try:
                    connection.execute(
                        "INSERT INTO ticks SELECT coalesce(max(i), 0) + 1, md5(random()::text)"
                        " FROM ticks"
                    )
                except psycopg.Error as error:
                    self._failed.append(str(error))


def prove(vault: BaseVault, like: Entry, backup_id: str, later: timedelta) -> None:
    """Make a copy of a backup under another id, in both places and good."""
    path = vault.places / backup_id
    if not path.exists():
        shutil.copytree(like.path, path)
    vault.bucket.put(f"base/{backup_id}/one", path / "backup.json")
    finished_at = like.finished_at - timedelta(hours=1) + later
    with vault.operations.transaction() as connection:
        base_backups.save(
            connection, replace(like, id=backup_id, path=path, finished_at=finished_at)
        )
        base_backups.set_uploaded(connection, backup_id, vault.settings.backup_bucket)
        base_backups.set_restored(connection, backup_id, 1.0)


def walked(vault: BaseVault) -> Checklist:
    return settle(
        {
            "base backups": check_base_backups_whole.fn(vault),
            "dumps": check_dumps_whole.fn(vault),
            "copies": check_copies_complete.fn(vault),
            "kept": check_backups_kept.fn(vault),
        }
    )


def verdicts(walk: Checklist) -> list[Verdict]:
    return [line.result.verdict for line in walk.lines]


def test_a_walk_finds_what_rotted_and_what_lacks_and_marks_it(
    vault: BaseVault, run: Run, tmp_path: Path
) -> None:
    ensure_base_backup_taken.fn(vault, ID)
    ensure_base_backup_copied.fn(vault, ID)
    dump = tmp_path / "one.dump"
    dump.write_bytes(b"a dump")
    sha256 = base_backup.file_sha256(dump)
    taken = DayBackup("eod-1", "primary", dump, 6, sha256, tables={})
    with vault.operations.transaction() as connection:
        base_backups.set_restored(connection, ID, 1.0)
        day_backups.save(connection, taken)
        day_backups.set_verified(connection, "eod-1")
    good = walked(vault)
    # Of two proven ones that are wanted, there is one.
    assert verdicts(good) == [Verdict.PASS, Verdict.PASS, Verdict.PASS, Verdict.WARN]
    assert not ensure_changed_marked.fn(vault, good).changed

    (vault.places / ID / base_backup.LOG).write_bytes(b"rotten")
    dump.write_bytes(b"rotten")
    vault.bucket.remove([f"base/{ID}/{base_backup.MANIFEST}"])
    bad = walked(vault)
    assert verdicts(bad)[:3] == [Verdict.FAIL] * 3
    assert ensure_changed_marked.fn(vault, bad).changed
    assert not ensure_changed_marked.fn(vault, bad).changed
    entry = vault.find(ID)
    assert entry is not None
    assert not entry.is_good
    assert check_backups_kept.fn(vault).verdict is Verdict.FAIL


def test_with_nothing_kept_a_walk_is_not_green(vault: BaseVault) -> None:
    assert Verdict.PASS not in verdicts(walked(vault))


def test_what_there_is_now_comes_back_from_an_older_backup_and_the_log(
    vault: BaseVault, server: CopiedServer, run: Run
) -> None:
    with pytest.raises(CheckFailed, match="expected a proven base backup"):
        ensure_restore_rehearsed.fn(vault)
    assert check_backup_to_restore.fn(vault).verdict is Verdict.FAIL
    ensure_base_backup_taken.fn(vault, ID)
    with vault.operations.transaction() as connection:
        base_backups.set_restored(connection, ID, 1.0)
    server.execute("INSERT INTO ticks VALUES (777777, 'after the backup')")

    tested = ensure_restore_rehearsed.fn(vault).value

    assert tested is not None
    assert tested.rows >= 1
    assert check_restore_in_target.fn(vault).verdict is Verdict.PASS
    assert scratches(vault) == []
