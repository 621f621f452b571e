"""A gated change waits for other people's word on exactly this plan; whatever else comes is no."""

from collections.abc import Iterator

import pytest

from tasks.approvals import Approvals, request_approval
from tasks.kernel import Change, Run, Unchanged, action, begin, granted, rehearse
from tests.fakes.ledger import MemoryLedger
from tests.fix_approvals import approving
from tests.fix_postgres import OperationsDatabase
from trading_core.clock import seconds
from trading_core.errors import CheckFailed
from trading_core.storage.connect import Database


@action
def ensure_open(doors: set[str], name: str) -> Change[None] | Unchanged[None]:
    if name in doors:
        return Unchanged("was open", target=name)
    return Change(
        does=f"open the {name}",
        act=lambda _fence: doors.add(name),
        holds=lambda: name in doors,
        within=seconds(0),
        target=name,
        gated=True,
    )


@pytest.fixture
def operations(operations_database: OperationsDatabase) -> Iterator[Database]:
    with Database(operations_database.app_dsn, application="tests") as one:
        yield one


@pytest.fixture
def asked_run(ledger: MemoryLedger) -> Iterator[Run]:
    """A run of ann's that nobody has approved yet."""
    with begin(Run("a-runbook", "tonight", "run-1", "ann", ledger, fence=7)) as one:
        yield one


def test_what_two_others_approve_is_done(
    operations: Database,
    operations_database: OperationsDatabase,
    asked_run: Run,
    ledger: MemoryLedger,
) -> None:
    doors: set[str] = set()
    plan = rehearse(ensure_open.fn, doors, "door")
    with approving(operations_database.owner_dsn) as answered:
        grant = request_approval.fn(Approvals(operations), plan, "fresh air")
    with granted(grant):
        ensure_open.fn(doors, "door")

    assert doors == {"door"}
    assert [one.gated for one in answered] == [("open the door",)]
    assert ledger.kinds() == ["note", "note", "intent", "effect", "proof"]
    assert ledger.records[2].facts["approved_by"] == "risk manager, head of trading"


def test_a_no_is_no(
    operations: Database, operations_database: OperationsDatabase, asked_run: Run
) -> None:
    doors: set[str] = set()
    plan = rehearse(ensure_open.fn, doors, "door")
    with (
        approving(operations_database.owner_dsn, says="no"),
        pytest.raises(CheckFailed, match="risk manager said no: looked at it"),
    ):
        request_approval.fn(Approvals(operations), plan, "fresh air")
    assert doors == set()
