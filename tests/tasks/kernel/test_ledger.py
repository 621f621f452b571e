"""The ledger is a chain: nothing in it can be changed, taken out or slipped in unnoticed."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
import pytest

from tasks.kernel import BreakGlassLedger, Kind, LocalJournal, PostgresLedger, Run
from tests.fakes.ledger import DyingLedger, Killed
from tests.fix_postgres import OperationsDatabase
from trading_core.errors import InvariantViolated, Unreachable
from trading_core.storage.connect import connect


@pytest.fixture
def connection(operations_database: OperationsDatabase) -> Iterator[psycopg.Connection]:
    with connect(operations_database.app_dsn, application="test") as connection:
        connection.autocommit = True
        yield connection


@pytest.fixture
def ledger(connection: psycopg.Connection) -> PostgresLedger:
    return PostgresLedger(connection)


@pytest.fixture
def run(ledger: PostgresLedger) -> Run:
    return Run("halt", "tonight", "run-1", "ann", ledger)


def write_three(ledger: PostgresLedger | LocalJournal | BreakGlassLedger, run: Run) -> None:
    for kind in (Kind.INTENT, Kind.EFFECT, Kind.PROOF):
        ledger.append(run, "halt/tonight/ensure_halted", kind, f"{kind} of it", {"n": 1})


def test_a_chain_nobody_touched_is_whole(ledger: PostgresLedger, run: Run) -> None:
    write_three(ledger, run)
    assert ledger.verify() == 3
    assert [record.kind for record in ledger.of_run("run-1")] == ["intent", "effect", "proof"]


@pytest.mark.parametrize(
    "tampering",
    [
        "UPDATE effect_ledger SET sentence = 'something nicer' WHERE seq = 2",
        "UPDATE effect_ledger SET facts = '{}' WHERE seq = 1",
        "UPDATE effect_ledger SET actor = 'nobody' WHERE seq = 3",
        "DELETE FROM effect_ledger WHERE seq = 1",
        "DELETE FROM effect_ledger WHERE seq = 2",
    ],
)
def test_a_line_changed_or_removed_breaks_the_chain(
    ledger: PostgresLedger, run: Run, operations_database: OperationsDatabase, tampering: str
) -> None:
    write_three(ledger, run)
    with psycopg.connect(operations_database.superuser_dsn.get_secret_value()) as superuser:
        superuser.execute("ALTER TABLE effect_ledger DISABLE TRIGGER effect_ledger_append_only")
        superuser.execute(tampering)

    with pytest.raises(InvariantViolated, match="does not continue the chain"):
        ledger.verify()


def test_runs_that_write_at_once_make_one_chain(
    operations_database: OperationsDatabase, ledger: PostgresLedger, run: Run
) -> None:
    def write(_number: int) -> None:
        with connect(operations_database.app_dsn, application="test") as own:
            own.autocommit = True
            write_three(PostgresLedger(own), run)

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(write, range(4)))
    with ThreadPoolExecutor(4) as threads:  # and the threads of one run share a connection
        list(threads.map(lambda _number: write_three(ledger, run), range(4)))

    assert ledger.verify() == 24


def test_a_lost_database_is_unreachable_in_words(
    ledger: PostgresLedger, run: Run, connection: psycopg.Connection
) -> None:
    connection.close()
    with pytest.raises(Unreachable, match="effect ledger: expected the database to answer"):
        write_three(ledger, run)


def test_the_local_journal_is_merged_once_and_put_aside(
    tmp_path: Path, ledger: PostgresLedger, run: Run
) -> None:
    path = tmp_path / "journal.jsonl"
    journal = LocalJournal(path)
    write_three(journal, run)

    assert journal.merge_into(ledger) == 3
    assert journal.merge_into(ledger) == 0

    merged = ledger.of_run("run-1")
    assert [record.kind for record in merged] == ["intent", "effect", "proof"]
    assert merged[0].facts == {"n": 1, "merged_from": "journal.jsonl"}
    assert ledger.verify() == 3
    assert not path.exists()


def test_a_merge_cut_short_goes_on_where_it_stopped(
    tmp_path: Path, ledger: PostgresLedger, run: Run
) -> None:
    journal = LocalJournal(tmp_path / "journal.jsonl")
    write_three(journal, run)
    copy = LocalJournal(tmp_path / "copy.jsonl")
    (tmp_path / "copy.jsonl").write_text((tmp_path / "journal.jsonl").read_text())

    assert journal.merge_into(ledger) == 3
    assert copy.merge_into(ledger) == 0
    assert ledger.verify() == 3


def test_a_torn_line_costs_only_itself(tmp_path: Path, run: Run) -> None:
    path = tmp_path / "journal.jsonl"
    journal = LocalJournal(path)
    journal.append(run, "k", Kind.INTENT, "first", {})
    with path.open("a") as torn:
        torn.write('{"seq": 0, "at": "20')
    journal.append(run, "k", Kind.EFFECT, "second", {})

    assert journal.since_intent("k") == (Kind.INTENT, Kind.EFFECT)


def test_break_glass_writes_to_the_file_once_the_database_has_gone(
    tmp_path: Path, ledger: PostgresLedger, run: Run, connection: psycopg.Connection
) -> None:
    journal = LocalJournal(tmp_path / "journal.jsonl")
    both = BreakGlassLedger(ledger, journal)
    both.append(run, "k", Kind.INTENT, "while it lived", {})
    connection.close()
    both.append(run, "k", Kind.EFFECT, "after it went", {})

    assert [record.sentence for record in journal.of_run("run-1")] == ["after it went"]


def test_break_glass_knows_what_an_interrupted_run_left_in_the_file(
    tmp_path: Path, run: Run
) -> None:
    journal = LocalJournal(tmp_path / "journal.jsonl")
    with pytest.raises(Killed):
        DyingLedger(journal, 0, written=True).append(run, "k", Kind.INTENT, "it", {})

    assert BreakGlassLedger(None, journal).since_intent("k") == (Kind.INTENT,)
