"""What is exported says what the books say, is there whole or not at all, and reads back."""

import csv
import io
import zipfile
from datetime import timedelta
from pathlib import Path

import psycopg
import pytest

from tasks.kernel import Did, Run
from tasks.reporting.exports import (
    ensure_audit_exported,
    ensure_everything_exported,
    ensure_journal_exported,
    ensure_tradenote_exported,
)
from tests.fix_postgres import OperationsDatabase, TradingDatabase
from tests.tasks.reporting.desk import MONDAY
from trading_core.clock import SystemClock
from trading_core.exports import archive
from trading_core.settings import Settings
from trading_core.storage.fingerprints import fingerprint


def path_of(written: object) -> Path:
    value = getattr(written, "value", None)
    assert isinstance(value, Path)
    return value


def test_tradenote_gets_every_execution_since_a_day(settings: Settings, run: Run) -> None:
    path = path_of(ensure_tradenote_exported.fn(settings, MONDAY))

    lines = list(csv.DictReader(path.read_text(encoding="utf-8").splitlines()))
    assert path.name == "tradenote-2013-10-07-to-2013-10-08-PA0000001.csv"
    # The last purchase covers 100 sold short and buys 60 more.
    assert [(one["T/D"], one["Side"], one["Qty"]) for one in lines] == [
        ("10/07/2013", "B", "100"),
        ("10/07/2013", "S", "100"),
        ("10/08/2013", "SS", "100"),
        ("10/08/2013", "BC", "100"),
        ("10/08/2013", "B", "60"),
    ]
    assert ensure_tradenote_exported.fn(settings, MONDAY).did is Did.NOTHING


def test_the_journal_has_ended_trips_and_the_open_one(settings: Settings, run: Run) -> None:
    path = path_of(ensure_journal_exported.fn(settings, MONDAY))

    lines = list(csv.DictReader(path.read_text(encoding="utf-8").splitlines()))
    assert [(one["side"], one["pnl_usd"], bool(one["closed_at"])) for one in lines] == [
        ("long", "-50.00", True),
        ("short", "30.00", True),
        ("long", "0.00", False),
    ]


def test_everything_reads_back_into_an_empty_database_as_it_was(
    settings: Settings, run: Run, trading_database: TradingDatabase
) -> None:
    path = path_of(ensure_everything_exported.fn(settings))
    told = archive.manifest_of(path)
    assert told is not None
    before = told["state"]

    with psycopg.connect(trading_database.superuser_dsn.get_secret_value()) as connection:
        connection.execute("SET session_replication_role = replica")  # rows as they are, no rules
        with zipfile.ZipFile(path) as opened:
            for table in before:
                connection.execute(f'TRUNCATE "{table}" CASCADE'.encode())
            for table in before:
                text = opened.read(f"{table}.csv")
                columns = text.splitlines()[0].decode()
                command = f'COPY "{table}" ({columns}) FROM STDIN WITH (FORMAT csv, HEADER)'
                with connection.cursor().copy(command.encode()) as lines:
                    lines.write(text)
        after = fingerprint(connection)

    assert before["fills"]["rows"] == 6
    assert {table: after[table] for table in before} == before


def test_everything_is_exported_again_only_when_something_changed(
    settings: Settings, run: Run, trading_database: TradingDatabase
) -> None:
    first = ensure_everything_exported.fn(settings)
    again = ensure_everything_exported.fn(settings)
    with psycopg.connect(trading_database.app_dsn.get_secret_value()) as connection:
        connection.execute("UPDATE trading_days SET report_path = 'elsewhere'")
    changed = ensure_everything_exported.fn(settings)

    assert [one.did for one in (first, again, changed)] == [Did.CHANGED, Did.NOTHING, Did.CHANGED]


@pytest.mark.parametrize("damage", ["torn", "edited"])
def test_a_damaged_archive_is_none(settings: Settings, run: Run, damage: str) -> None:
    path = path_of(ensure_everything_exported.fn(settings))
    if damage == "torn":
        path.write_bytes(path.read_bytes()[:-200])
    else:
        with zipfile.ZipFile(path) as opened:
            content = {name: opened.read(name) for name in opened.namelist()}
        with zipfile.ZipFile(path, "w") as edited:
            for name, data in content.items():
                edited.writestr(name, data.replace(b"168.50", b"168.51"))

    assert archive.manifest_of(path) is None
    assert ensure_everything_exported.fn(settings).did is Did.CHANGED


def test_the_audit_record_is_of_the_days_asked_for_and_keeps_its_hashes(
    settings: Settings, run: Run, operations_database: OperationsDatabase
) -> None:
    line = (
        "INSERT INTO effect_ledger VALUES (%s, clock_timestamp() - %s * interval '1 day', 'run',"
        " 'end-of-day', 'd', 'k', 'note', 'said', '{}', 'ann', 1, '', %s)"
    )
    with psycopg.connect(operations_database.app_dsn.get_secret_value()) as connection:
        for number, days_ago in ((1, 40), (2, 3)):
            connection.execute(line, (number, days_ago, f"hash-{number}"))
    long_ago = SystemClock().now().date() - timedelta(days=365)

    recent = path_of(ensure_audit_exported.fn(settings, None))
    everything = path_of(ensure_audit_exported.fn(settings, long_ago))

    assert hashes_in(recent) == []
    assert hashes_in(everything) == ["hash-1", "hash-2"]


def hashes_in(path: Path) -> list[str]:
    """Return the hashes of the effect ledger's lines in an audit export."""
    with zipfile.ZipFile(path) as opened:
        lines = csv.DictReader(io.StringIO(opened.read("effect_ledger.csv").decode()))
        return [one["hash"] for one in lines]
