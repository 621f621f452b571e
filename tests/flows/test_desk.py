"""A run leaves its evidence, keeps others of its window out, and works with things gone."""

from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from flows.desk import UNDATED, open_run
from tasks.kernel import Change, Kind, LocalJournal, PostgresLedger, Unchanged, action
from tests.fix_postgres import OperationsDatabase, TradingDatabase, free_port
from trading_core.clock import seconds
from trading_core.errors import CheckFailed, ConfigurationError, Unreachable
from trading_core.services import SERVICES
from trading_core.settings import Settings


@pytest.fixture
def settings(
    tmp_path: Path,
    trading_database: TradingDatabase,
    operations_database: OperationsDatabase,
    monkeypatch: pytest.MonkeyPatch,
) -> Settings:
    """A stack of which only the databases are up."""
    ports = {row.name: free_port() for row in SERVICES if row.port}
    settings = Settings(state_dir=tmp_path, ports=ports)
    settings.secrets_dir.mkdir()
    secrets = {"control_token": "x", "broker_key_id": "x", "broker_secret_key": "x"}
    secrets["trading_dsn"] = trading_database.app_dsn.get_secret_value()
    secrets["operations_dsn"] = operations_database.app_dsn.get_secret_value()
    for name, value in secrets.items():
        (settings.secrets_dir / name).write_text(value)
    for name, value in settings.environment().items():
        monkeypatch.setenv(name, value)
    return settings


@pytest.fixture
def connection(operations_database: OperationsDatabase) -> Iterator[psycopg.Connection]:
    with psycopg.connect(
        operations_database.app_dsn.get_secret_value(), autocommit=True
    ) as connection:
        yield connection


def without_database(settings: Settings) -> None:
    dsn = f"postgresql://nobody@127.0.0.1:{free_port()}/operations"
    (settings.secrets_dir / "operations_dsn").write_text(dsn)


@action
def ensure_rung(bell: list[int]) -> Change[None] | Unchanged[None]:
    """Ring a bell."""
    if bell:
        return Unchanged("was rung")
    return Change("ring the bell", bell.append, lambda: bool(bell), seconds(0))


def test_a_run_gets_a_fence_above_every_earlier_one_and_records_under_its_name(
    settings: Settings, connection: psycopg.Connection
) -> None:
    bell: list[int] = []
    with open_run("ring", "tonight", dry_run=False, requested_by="ann") as first:
        ensure_rung.fn(bell)
    with open_run("ring", "tonight", dry_run=False, requested_by="ann") as second:
        pass

    assert 0 < first.run.fence < second.run.fence
    assert bell == [first.run.fence]
    lines = PostgresLedger(connection).of_run(first.run.run_id)
    assert [line.kind for line in lines] == ["intent", "effect", "proof"]
    assert {(line.runbook, line.subject, line.actor) for line in lines} == {
        ("ring", "tonight", "ann")
    }


def test_two_runs_of_one_window_do_not_overlap_and_the_second_learns_whose_it_is(
    settings: Settings,
) -> None:
    with open_run("ring", "tonight", dry_run=False, requested_by="ann"):
        with (
            pytest.raises(CheckFailed, match=r"ring on tonight: .* being run: ring by ann"),
            open_run("ring", "tonight", dry_run=False, requested_by="bob"),
        ):
            pass
        with open_run("ring", "tomorrow", dry_run=False, requested_by="bob"):
            pass
        with open_run("ring", "tonight", dry_run=True, requested_by="bob"):
            pass
        with open_run("ring", "tonight", dry_run=False, requested_by="bob", break_glass=True):
            pass
    with open_run("ring", "tonight", dry_run=False, requested_by="bob"):
        pass


def test_without_a_database_a_run_may_look_and_change_nothing(settings: Settings) -> None:
    without_database(settings)
    bell: list[int] = []
    with open_run("ring", "tonight", dry_run=False, requested_by="ann") as desk:
        assert desk.run.fence == 0
        with pytest.raises(CheckFailed, match="expected an effect ledger"):
            ensure_rung.fn(bell)
    assert bell == []


def test_break_glass_acts_without_a_database_and_the_next_run_merges_its_journal(
    settings: Settings, connection: psycopg.Connection
) -> None:
    dsn_file = settings.secrets_dir / "operations_dsn"
    dsn = dsn_file.read_text()
    without_database(settings)
    bell: list[int] = []
    with open_run("halt", "fire", dry_run=False, requested_by="ann", break_glass=True) as desk:
        ensure_rung.fn(bell)
    assert bell == [0], "there is no fence without a database"

    dsn_file.write_text(dsn)
    with open_run("ring", "tonight", dry_run=False, requested_by="bob"):
        pass

    ledger = PostgresLedger(connection)
    merged = ledger.of_run(desk.run.run_id)
    assert [line.kind for line in merged] == ["intent", "effect", "proof"]
    assert ledger.verify() == 3


def test_a_rehearsal_prints_its_plan_and_writes_nothing(
    settings: Settings, connection: psycopg.Connection, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    bell: list[int] = []
    with open_run("ring", "tonight", dry_run=True, requested_by="ann"):
        ensure_rung.fn(bell)
    assert bell == []
    assert "would ring the bell" in caplog.messages
    assert connection.execute("SELECT count(*) FROM effect_ledger").fetchone() == (0,)


def test_a_failed_run_says_what_to_do_next(
    settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    with (
        pytest.raises(CheckFailed),
        open_run("ring", "tonight", dry_run=False, requested_by="ann"),
    ):
        raise CheckFailed("bell: expected one, found none", next_step="buy a bell")
    assert "next: buy a bell" in caplog.messages


def test_a_run_about_todays_session_opens_without_the_exchange_and_knows_no_day(
    settings: Settings,
) -> None:
    with open_run("ring", dry_run=False, requested_by="ann") as desk:
        assert desk.run.subject == UNDATED
        with pytest.raises(Unreachable, match="trading day: expected the exchange to tell it"):
            _ = desk.day


def test_a_stack_that_was_never_brought_up_is_a_matter_of_settings(
    settings: Settings,
) -> None:
    (settings.secrets_dir / "control_token").unlink()
    with (
        pytest.raises(ConfigurationError, match="secret control_token"),
        open_run("ring", "tonight", dry_run=False, requested_by="ann"),
    ):
        pass


def test_a_journal_of_an_interrupted_halt_is_known_to_the_next_halt(settings: Settings) -> None:
    without_database(settings)
    journal = LocalJournal(settings.root / "runbooks" / "break_glass.jsonl")
    with open_run("halt", "fire", dry_run=False, requested_by="ann", break_glass=True) as desk:
        journal.append(desk.run, desk.run.key("ensure_rung", ""), Kind.INTENT, "ring", {})
        ensure_rung.fn([1])
        kinds = [line.kind for line in journal.of_run(desk.run.run_id)]
    assert kinds == ["intent", "effect", "proof"]
