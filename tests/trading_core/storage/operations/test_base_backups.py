"""The catalogue of base backups: what it says of each, and that taking one anew begins again."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from psycopg import Connection

from tests.fix_postgres import OperationsDatabase, TradingDatabase
from trading_core.storage.connect import connect
from trading_core.storage.operations import base_backups
from trading_core.storage.operations.base_backups import Entry
from trading_core.storage.trading import heartbeat

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
ENTRY = Entry(
    id="primary-2026-03-02T1200Z",
    site="primary",
    path=Path("/somewhere/primary-2026-03-02T1200Z"),
    system_identifier="7710282872896064822",
    timeline=1,
    start_lsn="0/2000028",
    stop_lsn="0/2000100",
    started_at=NOON,
    finished_at=NOON + timedelta(seconds=3),
    server_version="15.18",
    size_bytes=100,
    unpacked_bytes=1000,
    files={"base.tar.zst": "ab"},
    state_lsn="0/3000000",
    state_at=NOON + timedelta(seconds=4),
    state={"fills": {"rows": 2, "checksum": "7"}},
)


@pytest.fixture
def operations(operations_database: OperationsDatabase) -> Iterator[Connection]:
    with connect(operations_database.app_dsn, application="tests") as connection:
        yield connection


def test_what_was_taken_is_read_back_the_same(operations: Connection) -> None:
    base_backups.save(operations, ENTRY)
    assert base_backups.find(operations, ENTRY.id) == ENTRY
    assert base_backups.find(operations, "another") is None


def test_a_backup_is_good_once_it_was_restored_and_until_it_is_found_changed(
    operations: Connection,
) -> None:
    base_backups.save(operations, ENTRY)
    base_backups.set_uploaded(operations, ENTRY.id, "bucket")
    base_backups.set_verified(operations, ENTRY.id)
    assert base_backups.good(operations, "primary") == []

    base_backups.set_restored(operations, ENTRY.id, 2.5)
    (found,) = base_backups.good(operations, "primary")
    assert found.is_good
    assert (found.bucket, found.restore_seconds) == ("bucket", 2.5)
    assert base_backups.good(operations, "standby") == []

    base_backups.set_unusable(operations, ENTRY.id)
    assert base_backups.good(operations, "primary") == []


def test_taken_anew_nothing_is_proven_and_nowhere_else(operations: Connection) -> None:
    base_backups.save(operations, ENTRY)
    base_backups.set_uploaded(operations, ENTRY.id, "bucket")
    base_backups.set_restored(operations, ENTRY.id, 2.5)
    again = replace(ENTRY, start_lsn="0/5000028")
    base_backups.save(operations, again)
    assert base_backups.find(operations, ENTRY.id) == again


def test_it_stays_listed_until_both_places_are_empty(operations: Connection) -> None:
    base_backups.save(operations, ENTRY)
    base_backups.set_removed(operations, ENTRY.id, "older than 30 days")
    assert [one.id for one in base_backups.of_site(operations, "primary")] == [ENTRY.id]
    base_backups.set_bucket_emptied(operations, ENTRY.id)
    assert base_backups.of_site(operations, "primary") == []
    found = base_backups.find(operations, ENTRY.id)
    assert found is not None
    assert found.removed_because == "older than 30 days"


def test_a_heart_beats_in_one_row(trading_database: TradingDatabase) -> None:
    with connect(trading_database.app_dsn, application="tests") as connection:
        assert heartbeat.newest(connection) is None
        heartbeat.beat(connection, "primary", NOON)
        heartbeat.beat(connection, "primary", NOON + timedelta(seconds=10))
        found = heartbeat.newest(connection)
    assert found == heartbeat.Heartbeat("primary", NOON + timedelta(seconds=10), 2)
