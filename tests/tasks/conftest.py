"""A run for the tasks under test: its ledger is in memory, and kept to be looked at."""

from collections.abc import Iterator

import pytest

from tasks.kernel import Run, begin
from tests.fakes.ledger import MemoryLedger
from tests.fix_approvals import full_grant
from tests.fix_postgres import OperationsDatabase, TradingDatabase
from trading_core.storage.connect import Database


@pytest.fixture
def ledger() -> MemoryLedger:
    return MemoryLedger()


@pytest.fixture
def run(ledger: MemoryLedger) -> Iterator[Run]:
    """A run of ann's, approved by bob."""
    one = Run("a-runbook", "tonight", "run-1", "ann", ledger, fence=7, grant=full_grant("bob"))
    with begin(one):
        yield one


@pytest.fixture
def rehearsal(ledger: MemoryLedger) -> Iterator[Run]:
    """A dry run."""
    with begin(Run("a-runbook", "tonight", "run-1", "ann", ledger, dry_run=True)) as one:
        yield one


@pytest.fixture
def database(trading_database: TradingDatabase) -> Iterator[Database]:
    """A fresh trading database, as the application sees it."""
    with Database(trading_database.app_dsn, application="tests") as one:
        yield one


@pytest.fixture
def operations(operations_database: OperationsDatabase) -> Iterator[Database]:
    """A fresh operations database, as the application sees it."""
    with Database(operations_database.app_dsn, application="tests") as one:
        yield one
