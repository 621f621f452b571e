"""One backup a day of everything: proven, copied, and gone when it is old and not needed."""

from datetime import date, timedelta
from pathlib import Path

import psycopg
import pytest

from infra import archives
from infra.embedded import secrets
from tasks.backup.archives import Shelf, ensure_archives_copied
from tasks.backup.binaries import (
    check_engine_built,
    check_version_kept,
    ensure_binaries_archived,
    ensure_old_versions_removed,
)
from tasks.backup.data_copies import ensure_data_copied
from tasks.backup.dumps import Dumps, ensure_dumps_copied, ensure_old_dumps_removed
from tasks.closing.backups import ensure_backup_taken, ensure_backup_verified
from tasks.kernel import Verdict
from tests.fix_cloud import LocalCloud
from tests.fix_postgres import OperationsDatabase, TradingDatabase
from trading_core.settings import Settings
from trading_core.storage.connect import Database

DAY = date(2026, 3, 2)
pytestmark = pytest.mark.usefixtures("run")


@pytest.fixture
def settings(local_cloud: LocalCloud, tmp_path: Path) -> Settings:
    found = local_cloud.settings(tmp_path)
    bucket = f"daily-{tmp_path.name.replace('_', '-')}"[:60].rstrip("-").lower()
    return Settings(**found.model_dump() | {"backup_bucket": bucket})


@pytest.fixture
def dumps(
    settings: Settings,
    trading_database: TradingDatabase,
    operations_database: OperationsDatabase,
    operations: Database,
) -> Dumps:
    owner, other = trading_database.owner_dsn, operations_database.owner_dsn
    secrets.write(settings.secrets_dir, "owner_dsn", owner.get_secret_value())
    secrets.write(settings.secrets_dir, "operations_owner_dsn", other.get_secret_value())
    return Dumps(settings, operations)


def test_both_databases_are_dumped_restored_and_copied_and_that_once(dumps: Dumps) -> None:
    for name, vault in (("trading", dumps.trading), ("operations", dumps.operations)):
        backup_id = dumps.id_of(name, DAY)
        assert ensure_backup_taken.fn(vault, backup_id).changed
        assert ensure_backup_verified.fn(vault, backup_id).changed
        assert not ensure_backup_taken.fn(vault, backup_id).changed
        found = vault.find(backup_id)
        assert found is not None
        assert found.verified_at is not None
        assert "alembic_version" in found.tables
    assert ensure_dumps_copied.fn(dumps).changed
    assert not ensure_dumps_copied.fn(dumps).changed
    assert len(dumps.bucket.keys("dumps/")) == 4


def test_old_dumps_go_here_first_and_there_later_but_never_the_newest_proven_of_a_kind(
    dumps: Dumps, operations_database: OperationsDatabase
) -> None:
    """Of four kinds of age, three of them proven, and one that is of another kind."""
    ages = {"daily-trading-a": 100, "daily-trading-b": 60, "daily-trading-c": 3}
    ages |= {"daily-trading-d": 2, "daily-trading-bad": 40, "eod-2026-01-05-A": 200}
    dumps.trading.directory.mkdir()
    with psycopg.connect(operations_database.owner_dsn.get_secret_value()) as link:
        for one, days in ages.items():
            for path in dumps.files(one):
                path.write_text(one)
            link.execute(
                "INSERT INTO backups (id, site, kind, path, size_bytes, files, state, state_at,"
                " started_at, finished_at, restored_at) SELECT %s, 'primary', 'end_of_day', %s, 1,"
                " '{\"dump\": \"x\"}', '{}', at, at, at, CASE WHEN %s THEN at END"
                " FROM (SELECT now() - %s AS at) AS moment",
                (one, str(dumps.trading.path(one)), "bad" not in one, timedelta(days=days)),
            )
    ensure_dumps_copied.fn(dumps)

    gone = ensure_old_dumps_removed.fn(dumps).value
    again = ensure_old_dumps_removed.fn(dumps)

    assert not again.changed
    assert gone is not None
    here = {one.id for one in dumps.entries()}
    assert here == {"daily-trading-c", "daily-trading-d", "eod-2026-01-05-A"}
    assert not any(path.exists() for path in dumps.files("daily-trading-b"))
    there = {key.removeprefix("dumps/").split(".")[0] for key in dumps.bucket.keys("dumps/")}
    assert there == ages.keys() - {"daily-trading-a"}


def test_files_of_data_and_reports_are_copied_when_they_are_new_or_another(
    settings: Settings,
) -> None:
    bars = settings.root / "data" / "parquet" / "day.parquet"
    bars.parent.mkdir(parents=True)
    bars.write_bytes(b"bars of a day")
    assert ensure_data_copied.fn(settings).value == 1
    assert not ensure_data_copied.fn(settings).changed
    bars.write_bytes(b"BARS of a day")  # as long as before
    assert ensure_data_copied.fn(settings).value == 1


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A program of three files."""
    root = tmp_path / "project"
    for name in ("trading_core/_engine.abi3.so", "flows/a.py", "pyproject.toml"):
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    return root


def test_a_version_is_archived_once_whatever_the_day_and_another_one_again(
    settings: Settings, project: Path
) -> None:
    shelf = Shelf(settings, "binaries")
    assert check_engine_built.fn(project).verdict is Verdict.PASS
    assert check_version_kept.fn(shelf, project).verdict is Verdict.FAIL
    first = ensure_binaries_archived.fn(shelf, DAY, project)
    again = ensure_binaries_archived.fn(shelf, DAY + timedelta(days=1), project)
    assert (first.changed, again.changed) == (True, False)
    assert check_version_kept.fn(shelf, project).verdict is Verdict.PASS

    (project / "flows" / "a.py").write_text("another")
    assert check_version_kept.fn(shelf, project).verdict is Verdict.FAIL
    assert ensure_binaries_archived.fn(shelf, DAY, project).changed
    names = {one["name"] for path in shelf.all() for one in archives.contents(path)}
    assert names == {
        "packages.json",
        "trading_core/_engine.abi3.so",
        "flows/a.py",
        "pyproject.toml",
    }


def test_the_newest_versions_stay_here_and_there(settings: Settings, project: Path) -> None:
    shelf = Shelf(settings, "binaries")
    for number in range(3):
        (project / "flows" / "a.py").write_text(f"version {number}")
        ensure_binaries_archived.fn(shelf, DAY + timedelta(days=number), project)
    ensure_archives_copied.fn(shelf)
    newest = [path.name for path in shelf.all()[-2:]]

    assert len(ensure_old_versions_removed.fn(shelf, kept=2).value or ()) == 1
    assert not ensure_old_versions_removed.fn(shelf, kept=2).changed
    assert [path.name for path in shelf.all()] == newest
    assert sorted(shelf.bucket.keys("binaries/")) == [f"binaries/{name}" for name in newest]


def test_without_its_engine_a_program_is_not_whole(project: Path) -> None:
    (project / "trading_core" / "_engine.abi3.so").unlink()
    assert check_engine_built.fn(project).verdict is Verdict.FAIL
