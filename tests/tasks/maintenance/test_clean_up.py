"""What is past its time goes, and nothing goes that is not kept elsewhere first."""

import csv
import io
import os
import tarfile
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import psycopg
import pytest
import redis

from infra import archives
from infra.embedded import secrets
from infra.embedded.supervisor import Supervisor
from tasks.backup.archives import Shelf, ensure_archives_copied
from tasks.kernel import Verdict
from tasks.maintenance import rows as retention
from tasks.maintenance.logs import ensure_logs_archived
from tasks.maintenance.old_logs import (
    check_log_room,
    check_logs_off_machine,
    ensure_archived_logs_removed,
)
from tasks.maintenance.rows import check_old_rows, ensure_old_rows_removed
from tasks.maintenance.stale_keys import check_keys_fresh, ensure_stale_keys_removed
from tests.fakes.broker import NOW, FakeBroker
from tests.fix_cloud import LocalCloud
from tests.fix_postgres import OperationsDatabase, TradingDatabase, free_port
from tests.trading_core.market_data.test_cache import redis_server
from trading_core.clock import SystemClock
from trading_core.errors import CheckFailed, Unreachable
from trading_core.settings import Settings

OLD = NOW.date() - timedelta(days=retention.DAYS_KEPT + 1)
JUST_KEPT = NOW.date() - timedelta(days=retention.DAYS_KEPT)
TODAY = date(2026, 3, 2)


@pytest.fixture
def shelf(
    trading_database: TradingDatabase, operations_database: OperationsDatabase, tmp_path: Path
) -> Shelf:
    """Archives of rows of a stack that has both databases."""
    settings = Settings(state_dir=tmp_path)
    for name, one in (
        ("owner_dsn", trading_database),
        ("operations_owner_dsn", operations_database),
    ):
        secrets.write(settings.secrets_dir, name, one.owner_dsn.get_secret_value())
    with psycopg.connect(trading_database.owner_dsn.get_secret_value()) as link:
        for day, count in ((OLD, 7), (JUST_KEPT, 2)):
            link.execute(
                "INSERT INTO equity_curve SELECT 'A', %s, %s + n * interval '1 min', 1, 2"
                " FROM generate_series(1, %s) n",
                (day, datetime(day.year, day.month, day.day, tzinfo=UTC), count),
            )
    with psycopg.connect(operations_database.owner_dsn.get_secret_value()) as link:
        link.execute(
            "INSERT INTO notices (thread, entry, words, written_at, sent_at)"
            " VALUES ('t', 'sent', 'w', %(old)s, %(old)s), ('t', 'waits', 'w', %(old)s, NULL)",
            {"old": OLD},
        )
    return Shelf(settings, "rows")


def left(shelf: Shelf, owner: str, table: str) -> int:
    with psycopg.connect(shelf.settings.secret(owner).get_secret_value()) as link:
        row = link.execute(f"SELECT count(*) FROM {table}").fetchone()
    assert row is not None
    return int(row[0])


@pytest.mark.usefixtures("run")
def test_old_rows_are_archived_and_then_go_in_batches_and_no_other_row_does(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "_BATCH_ROWS", 3)
    broker = FakeBroker({})
    seen = check_old_rows.fn(shelf, broker)
    done = ensure_old_rows_removed.fn(shelf, broker)
    again = ensure_old_rows_removed.fn(shelf, broker)

    assert (seen.verdict, seen.value, seen.limit) == (Verdict.WARN, 8, 0)
    assert done.value == {"equity_curve": 7, "notices": 1}
    assert not again.changed
    assert left(shelf, "owner_dsn", "equity_curve") == 2
    assert left(shelf, "operations_owner_dsn", "notices") == 1
    assert check_old_rows.fn(shelf, broker).verdict is Verdict.PASS
    archived = {path.name.split("-")[4]: path for path in shelf.all()}
    assert [one["rows"] for one in archives.contents(archived["equity_curve"])] == [7]
    with tarfile.open(archived["equity_curve"]) as archive:
        content = archive.extractfile("equity_curve.csv")
        assert content is not None
        told = list(csv.DictReader(io.TextIOWrapper(content)))
    assert {row["trading_date"] for row in told} == {f"{OLD}"}


@pytest.mark.usefixtures("rehearsal")
def test_a_rehearsal_counts_and_removes_nothing(shelf: Shelf) -> None:
    told = ensure_old_rows_removed.fn(shelf, FakeBroker({})).sentence
    assert "equity_curve 7, notices 1" in told
    assert left(shelf, "owner_dsn", "equity_curve") == 9
    assert shelf.all() == []


@pytest.mark.usefixtures("run")
def test_a_second_archive_of_a_day_does_not_write_over_the_first(shelf: Shelf) -> None:
    ensure_old_rows_removed.fn(shelf, FakeBroker({}))
    with psycopg.connect(shelf.settings.secret("owner_dsn").get_secret_value()) as link:
        link.execute("INSERT INTO equity_curve VALUES ('B', %s, %s, 1, 2)", (OLD, OLD))
    ensure_old_rows_removed.fn(shelf, FakeBroker({}))
    counts = [one["rows"] for path in shelf.all() for one in archives.contents(path)]
    assert sorted(counts) == [1, 1, 7]


def test_no_table_that_refuses_a_delete_has_a_time(shelf: Shelf) -> None:
    """The ledger, approvals, postings and timelines are only ever added to."""
    for one in retention.TABLES:
        with psycopg.connect(shelf.settings.secret(one.owner).get_secret_value()) as link:
            triggers = link.execute(
                "SELECT tgname FROM pg_trigger WHERE tgrelid = %s::regclass AND NOT tgisinternal",
                [one.table],
            ).fetchall()
        assert triggers == [], one.table


@pytest.fixture
def logs(local_cloud: LocalCloud, tmp_path: Path) -> Shelf:
    """Logs of a service: one it writes to, and one it closed two days ago."""
    settings = local_cloud.settings(tmp_path)
    bucket = f"logs-{tmp_path.name.replace('_', '-')}"[:60].rstrip("-").lower()
    shelf = Shelf(Settings(**settings.model_dump() | {"backup_bucket": bucket}), "logs")
    folder = Supervisor(shelf.settings.root).logs
    folder.mkdir(parents=True)
    (folder / "gateway.log").write_text("now\n")
    closed = folder / "gateway.log.1"
    closed.write_text("then\n")
    days_ago = (SystemClock().now() - timedelta(days=2)).timestamp()
    os.utime(closed, (days_ago, days_ago))
    return shelf


def names(shelf: Shelf) -> list[str]:
    return sorted(path.name for path in Supervisor(shelf.settings.root).logs.iterdir())


@pytest.mark.usefixtures("run")
def test_a_closed_log_goes_once_its_archive_is_in_the_bucket_and_not_before(logs: Shelf) -> None:
    assert check_logs_off_machine.fn(logs).verdict is Verdict.WARN
    assert not ensure_archived_logs_removed.fn(logs).changed
    ensure_logs_archived.fn(logs, TODAY)
    logs.bucket.ensure()
    assert check_logs_off_machine.fn(logs).verdict is Verdict.FAIL
    with pytest.raises(CheckFailed, match="expected whole and in the bucket"):
        ensure_archived_logs_removed.fn(logs)
    assert names(logs) == ["gateway.log", "gateway.log.1"]

    ensure_archives_copied.fn(logs)
    assert check_logs_off_machine.fn(logs).verdict is Verdict.PASS
    assert ensure_archived_logs_removed.fn(logs).value == ["gateway.log.1"]
    assert not ensure_archived_logs_removed.fn(logs).changed
    assert names(logs) == ["gateway.log"]
    assert check_log_room.fn(logs).verdict is Verdict.PASS


@pytest.mark.usefixtures("run")
def test_a_closed_log_with_a_line_that_is_in_no_archive_stays(logs: Shelf) -> None:
    ensure_logs_archived.fn(logs, TODAY)
    ensure_archives_copied.fn(logs)
    closed = Supervisor(logs.settings.root).logs / "gateway.log.1"
    kept = closed.stat()
    closed.write_text("then\nand one more\n")
    os.utime(closed, (kept.st_mtime, kept.st_mtime))
    assert "1 wait for their archive" in ensure_archived_logs_removed.fn(logs).sentence
    assert closed.exists()


@pytest.fixture(scope="module")
def redis_settings(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    root, port = tmp_path_factory.mktemp("redis"), free_port()
    with redis_server(root, port):
        yield Settings(state_dir=root, ports={"redis": port})


@pytest.mark.usefixtures("run")
def test_keys_untouched_for_a_day_go_and_fresh_ones_stay(redis_settings: Settings) -> None:
    with redis.Redis(port=redis_settings.port("redis")) as client:
        client.hset("market_data:NEW", "close_usd", "1")
        packed = client.dump("market_data:NEW")
        for name in ("market_data:OLD", "left_by_somebody"):
            client.restore(name, 0, packed, idletime=90_000)

        seen = check_keys_fresh.fn(redis_settings)
        done = ensure_stale_keys_removed.fn(redis_settings)
        again = ensure_stale_keys_removed.fn(redis_settings)

        assert (seen.verdict, seen.value) == (Verdict.WARN, 2)
        assert (done.value, again.changed) == (2, False)
        assert client.keys() == [b"market_data:NEW"]
    assert check_keys_fresh.fn(redis_settings).verdict is Verdict.PASS


@pytest.mark.usefixtures("run")
def test_a_redis_that_does_not_answer_is_unknown_and_nothing_is_claimed() -> None:
    nowhere = Settings(ports={"redis": free_port()})
    assert check_keys_fresh.fn(nowhere).verdict is Verdict.UNKNOWN
    with pytest.raises(Unreachable):
        ensure_stale_keys_removed.fn(nowhere)
