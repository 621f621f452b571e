"""What stopped trading is an incident on record before trading comes back."""

from datetime import timedelta

import pytest

from tasks.incidents.before_resuming import check_incident_recorded
from tasks.kernel import Verdict
from tests.fakes.core import AT, FakeCore
from trading_core.clock import SystemClock
from trading_core.execution import control
from trading_core.execution.control import HaltKind, Word
from trading_core.storage.connect import Database
from trading_core.storage.operations import incidents
from trading_core.storage.operations.incidents import Incident, Opening, Severity


def opened(operations: Database, severity: Severity) -> Incident:
    now = SystemClock().now()
    with operations.transaction() as connection:
        opening = Opening("trip-1", "circuit-breaker-tripped", "it tripped", severity, now, now)
        return incidents.open_incident(connection, opening)


@pytest.fixture
def core() -> FakeCore:
    """A core that was stopped a minute ago."""
    one = FakeCore()
    one.trading = control.halted(
        one.trading, Word("loss", "somebody", SystemClock().now() - timedelta(minutes=1))
    )
    return one


@pytest.mark.parametrize(
    ("kind", "verdict"), [(HaltKind.BREAKER, Verdict.FAIL), (HaltKind.HALT, Verdict.WARN)]
)
def test_an_open_breaker_without_an_incident_is_red_and_a_halt_is_told(
    core: FakeCore, database: Database, operations: Database, kind: HaltKind, verdict: Verdict
) -> None:
    core.trading = control.halted(core.trading, Word("loss", "ann", SystemClock().now()), kind)
    opened(operations, "P2")
    result = check_incident_recorded.fn(core, database, operations)
    assert result.verdict is verdict
    assert "no incident on record of: breaker" in result.found
    assert result.found.endswith("by ann: loss")


def test_an_incident_that_is_open_or_was_closed_since_is_on_record(
    core: FakeCore, database: Database, operations: Database
) -> None:
    incident = opened(operations, "P0")
    result = check_incident_recorded.fn(core, database, operations)
    assert (result.verdict, result.found) == (Verdict.PASS, f"{incident.id} open: it tripped")

    with operations.transaction() as connection:
        incidents.close(connection, incident.id, "a bad tick")
    assert check_incident_recorded.fn(core, database, operations).verdict is Verdict.PASS

    later = SystemClock().now() + timedelta(minutes=1)
    core.trading = control.halted(core.trading, Word("again", "ann", later))
    assert check_incident_recorded.fn(core, database, operations).verdict is Verdict.WARN


def test_where_trading_is_not_stopped_nothing_need_be_on_record(
    database: Database, operations: Database
) -> None:
    core = FakeCore()
    core.trading = control.enabled(core.trading, Word("open", "ann", AT, 1), resume=True)
    result = check_incident_recorded.fn(core, database, operations)
    assert result.verdict is Verdict.PASS
