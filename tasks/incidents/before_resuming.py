"""Before trading is resumed: what stopped it is an incident on record (EMG-16).

A breaker that opened is one, whoever opened it. A halt may be: it is also how maintenance begins
and a drill ends, and then there is none.
"""

from datetime import datetime

from tasks.kernel import CheckResult, Verdict, check
from tasks.trading.control import Core
from trading_core.domain.state import Breaker
from trading_core.storage.connect import Database
from trading_core.storage.operations import incidents, trips
from trading_core.storage.operations.incidents import Incident

_GRAVE = ("P0", "P1")


@check
def check_incident_recorded(core: Core, database: Database, operations: Database) -> CheckResult:
    """See that what stopped trading is on record as an incident, open or closed since."""
    state = core.state()
    expected = "an incident on record of what stopped trading; by hand: circuit-breaker-tripped"
    if state.accepts_orders:
        return CheckResult(Verdict.PASS, "trading is not stopped", expected)
    is_open = state.breaker is Breaker.OPEN
    with database.transaction() as connection:
        trip = trips.latest(connection) if is_open else None
    found = _grave(operations, state.changed_at if trip is None else trip.changed_at)
    words = [f"{one.id} {one.status}: {one.title}" for one in found]
    why = f"breaker {state.breaker}, {state.mode} by {state.actor}: {state.reason}"
    if words:
        return CheckResult(Verdict.PASS, "; ".join(words), expected, {"incidents": words})
    return CheckResult(
        Verdict.FAIL if is_open else Verdict.WARN, f"no incident on record of: {why}", expected
    )


def _grave(operations: Database, since: datetime) -> list[Incident]:
    with operations.transaction() as connection:
        known = incidents.not_closed(connection) + incidents.closed_since(connection, since)
    return [one for one in known if one.severity in _GRAVE]
