"""A window is announced a day ahead and its end is said, each once."""

from datetime import datetime, timedelta

import pytest

from tasks.kernel import Kind, Run
from tasks.kernel.ledger import PostgresLedger
from tasks.people.announcements import WINDOW, ensure_maintenance_told, next_window
from tests.fakes.ledger import MemoryLedger
from trading_core.clock import SystemClock
from trading_core.storage.connect import Database


def said(operations: Database) -> list[str]:
    with operations.transaction() as connection:
        rows = connection.execute("SELECT words FROM notices ORDER BY id").fetchall()
    return [str(row[0]) for row in rows]


def at(monkeypatch: pytest.MonkeyPatch, moment: datetime) -> None:
    monkeypatch.setattr(SystemClock, "now", lambda _self: moment)


@pytest.mark.usefixtures("run")
def test_a_window_is_announced_once_a_day_ahead_and_not_before(
    operations: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    begins = next_window(SystemClock().now())
    assert begins is not None
    assert begins.weekday() == 6
    told = []
    for hours in (49, 47, 25):
        at(monkeypatch, begins - timedelta(hours=hours))
        told.append(ensure_maintenance_told.fn(operations).changed)
    assert told == [False, True, False]
    assert said(operations) == [
        f"maintenance begins {begins:%A %F %H:%M} New York: no new order leaves meanwhile"
    ]


@pytest.mark.usefixtures("run")
@pytest.mark.parametrize(("last", "word"), [(Kind.PROOF, "ended"), (Kind.FAILED, "FAILED")])
def test_its_end_is_said_once_and_how_it_ended(
    operations: Database,
    ledger: MemoryLedger,
    monkeypatch: pytest.MonkeyPatch,
    last: Kind,
    word: str,
) -> None:
    window = Run(WINDOW, "sunday", "run-7", "schedule", ledger)
    with operations.transaction() as connection:
        PostgresLedger(connection).append(window, "k", last, "so it ended", {})
    now = SystemClock().now()
    ensure_maintenance_told.fn(operations)
    assert not [one for one in said(operations) if word in one], "it may be under way"
    at(monkeypatch, now + timedelta(hours=2))
    ensure_maintenance_told.fn(operations)
    ensure_maintenance_told.fn(operations)
    assert len([one for one in said(operations) if f"maintenance {word} at" in one]) == 1


def test_a_rehearsal_says_nothing(
    rehearsal: Run, operations: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    begins = next_window(SystemClock().now())
    assert begins is not None
    at(monkeypatch, begins - timedelta(hours=30))
    ensure_maintenance_told.fn(operations)
    assert len(rehearsal.plan) == 1
    assert not said(operations)
