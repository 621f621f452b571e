"""What becomes of an archive: copied once, compared, kept for its time, the newest for ever."""

import json
import tarfile
from datetime import date
from pathlib import Path

import pytest

from infra import archives
from infra.archives import Member
from infra.embedded import secrets
from tasks.backup.archives import KEPT, Shelf, ensure_archives_copied, ensure_old_archives_removed
from tasks.backup.configuration import (
    check_configuration_readable,
    ensure_configuration_archived,
)
from tasks.kernel import Verdict
from tests.fix_cloud import LocalCloud
from tests.fix_postgres import TradingDatabase
from trading_core.settings import Settings
from trading_core.storage.connect import Database, connect
from trading_core.storage.trading import config

DAY = date(2026, 3, 2)
pytestmark = pytest.mark.usefixtures("run")


@pytest.fixture
def shelf(local_cloud: LocalCloud, tmp_path: Path) -> Shelf:
    settings = local_cloud.settings(tmp_path)
    bucket = f"archives-{tmp_path.name.replace('_', '-')}"[:60].rstrip("-").lower()
    return Shelf(Settings(**settings.model_dump() | {"backup_bucket": bucket}), "logs")


def keep(shelf: Shelf, *days: date) -> None:
    for day in days:
        archives.write(shelf.path(day), [Member.of_text("gateway.log", f"{day}\n")])


def test_an_archive_is_copied_once_and_one_that_changed_again(shelf: Shelf) -> None:
    keep(shelf, date(2026, 3, 2))
    assert ensure_archives_copied.fn(shelf).changed
    assert not ensure_archives_copied.fn(shelf).changed

    archives.write(shelf.path(date(2026, 3, 2)), [Member.of_text("gateway.log", "another text\n")])
    assert ensure_archives_copied.fn(shelf).changed


def test_what_is_old_goes_here_and_there_but_never_the_newest(shelf: Shelf) -> None:
    keep(shelf, date(2026, 1, 5), date(2026, 1, 6), date(2026, 3, 2))
    ensure_archives_copied.fn(shelf)

    gone = ensure_old_archives_removed.fn(shelf, day=date(2026, 1, 6) + KEPT).value
    assert gone == ["logs-2026-01-05.tar.gz"]
    assert shelf.bucket.keys("logs/").keys() == {f"logs/{one.name}" for one in shelf.all()}

    ensure_old_archives_removed.fn(shelf, day=date(2027, 1, 1))
    assert shelf.all() == [shelf.path(date(2026, 3, 2))]


def test_the_configuration_is_archived_when_it_is_another_and_without_a_secret(
    tmp_path: Path, trading_database: TradingDatabase, database: Database
) -> None:
    settings = Settings(state_dir=tmp_path)
    shelf = Shelf(settings, "configuration")
    secrets.write(settings.secrets_dir, "control_token", "planted-secret")
    (settings.root / "hosts.toml").write_text('[[host]]\nname = "one"\n')
    with connect(trading_database.owner_dsn, application="tests") as connection:
        body = {"order_quantity_max": 100}
        config.install(
            connection, config.RISK_LIMITS, "desk", body, approved_by="bob", reason="the first"
        )

    first = ensure_configuration_archived.fn(shelf, database, DAY)
    again = ensure_configuration_archived.fn(shelf, database, DAY)
    (settings.root / "hosts.toml").write_text('[[host]]\nname = "two"\n')
    changed = ensure_configuration_archived.fn(shelf, database, DAY)

    assert (first.changed, again.changed, changed.changed) == (True, False, True)
    assert first.value is not None
    texts = texts_of(first.value)
    assert {"settings.json", "hosts.toml", "versions/risk_limits/desk.json"} <= texts.keys()
    assert json.loads(texts["versions/risk_limits/desk.json"])["body"] == body
    assert "planted-secret" not in "".join(texts.values())


def test_a_file_that_is_no_toml_is_named(tmp_path: Path) -> None:
    settings = Settings(state_dir=tmp_path)
    assert check_configuration_readable.fn(settings).verdict is Verdict.PASS
    (settings.root / "hosts.toml").write_text("[[host\n")
    found = check_configuration_readable.fn(settings)
    assert found.verdict is Verdict.FAIL
    assert "hosts.toml" in found.found


def texts_of(path: Path) -> dict[str, str]:
    with tarfile.open(path) as archive:
        found = {one.name: archive.extractfile(one) for one in archive.getmembers()}
        return {name: file.read().decode() for name, file in found.items() if file is not None}
