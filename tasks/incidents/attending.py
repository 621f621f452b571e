"""An open incident is never left alone: people hear how it stands, and the next one is called.

Every half hour its thread says where it stands (RSP-07). One that nobody has acknowledged climbs
the roster's ladder, level by level. A run looks often; what is due was due at a moment, and is said
once, however many runs see it.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from psycopg import Connection

from tasks.kernel import Change, CheckResult, Unchanged, Verdict, action, check, current_run
from tasks.security.wording import some
from trading_core.calendar.exchange_calendar import ExchangeCalendar
from trading_core.clock import SystemClock, seconds
from trading_core.on_call.roster import Roster, role_of, rungs_due, shift_at
from trading_core.storage.connect import Database
from trading_core.storage.operations import incidents, notices
from trading_core.storage.operations.incidents import Incident

UPDATE_EVERY = timedelta(minutes=30)
ACKNOWLEDGED = "acknowledged"
_SHOWS_WITHIN = seconds(5)


@dataclass(frozen=True, slots=True)
class Due:
    """A message that is due about an incident: into its timeline and its thread, once."""

    incident: str
    entry: str
    words: str


@check
def check_incidents_attended(operations: Database) -> CheckResult:
    """Tell which incidents are open, and which of them nobody has acknowledged."""
    with operations.transaction() as connection:
        still_open = incidents.not_closed(connection)
        alone = [one.id for one in still_open if not _has(connection, one.id, ACKNOWLEDGED)]
    words = f"{len(still_open)} open, {len(alone)} not acknowledged"
    return CheckResult(
        Verdict.WARN if still_open else Verdict.PASS,
        words + (f": {some(alone)}" if alone else ""),
        "no incident open",
        {"open": [one.id for one in still_open], "not_acknowledged": alone},
        len(still_open),
        0,
        " incidents",
    )


@action
def ensure_incidents_escalated(
    operations: Database, roster: Roster, calendar: ExchangeCalendar
) -> Change[int] | Unchanged[int]:
    """Call the next level of the ladder for every incident that nobody has acknowledged in time."""

    def due() -> list[Due]:
        now = SystemClock().now()
        shift = shift_at(roster, now, calendar)
        found = []
        with operations.transaction() as connection:
            for one in _unacknowledged(connection):
                waited = now - one.opened_at
                for level, rung in rungs_due(roster, one.severity, waited):
                    role = role_of(rung, shift)
                    reach = roster.contacts.get(role, "") or "nobody said how to reach them"
                    words = f"level {level}, {role} ({reach}): {_standing(one, now)}"
                    found.append(Due(one.id, f"escalated to level {level}", words))
            return _not_said(connection, found)

    return _said_once("call the next level for", due, operations)


@action
def ensure_updates_told(operations: Database) -> Change[int] | Unchanged[int]:
    """Say of every open incident where it stands, when half an hour has passed since the last."""

    def due() -> list[Due]:
        now = SystemClock().now()
        found = []
        with operations.transaction() as connection:
            for one in incidents.not_closed(connection):
                # The newest half hour only: what was missed while nobody ran is not said late.
                if number := (now - one.opened_at) // UPDATE_EVERY:
                    words = f"update {number}: {_standing(one, now)}"
                    found.append(Due(one.id, f"update {number}", words))
            return _not_said(connection, found)

    return _said_once("say where things stand of", due, operations)


@action
def ensure_incident_acknowledged(
    operations: Database, incident_id: str
) -> Change[None] | Unchanged[None]:
    """Write down who has taken an incident: nobody else is called for it any more."""

    def holds() -> bool:
        with operations.transaction() as connection:
            return _has(connection, incident_id, ACKNOWLEDGED)

    def take(_fence: int) -> None:
        _say(operations, Due(incident_id, ACKNOWLEDGED, f"taken by {current_run().actor}"))

    return Change(
        does=f"acknowledge {incident_id}",
        act=take,
        holds=holds,
        within=_SHOWS_WITHIN,
        target=incident_id,
    ).unless_shown(f"{incident_id} was acknowledged")


@check
def check_incident_open(operations: Database, incident_id: str) -> CheckResult:
    """See that there is such an incident, and that it is not closed."""
    with operations.transaction() as connection:
        found = incidents.find(connection, incident_id)
    words = f"there is no incident {incident_id}" if found is None else f"it is {found.status}"
    is_open = found is not None and found.status != "closed"
    return CheckResult(Verdict.PASS if is_open else Verdict.FAIL, words, "an incident that is open")


def _said_once(
    does: str, due: Callable[[], list[Due]], operations: Database
) -> Change[int] | Unchanged[int]:
    """Return the change that says what is due; nothing to do when nothing is."""
    found = due()
    if not found:
        return Unchanged("nothing is due that was not said", 0)

    def say_all(_fence: int) -> int:
        for one in found:
            _say(operations, one)
        return len(found)

    return Change(
        does=f"{does} {some(sorted({one.incident for one in found}))}",
        act=say_all,
        holds=lambda: not due(),
        within=_SHOWS_WITHIN,
        facts={"said": [f"{one.incident}: {one.entry}" for one in found]},
    )


def _unacknowledged(connection: Connection) -> list[Incident]:
    found = incidents.not_closed(connection)
    return [one for one in found if not _has(connection, one.id, ACKNOWLEDGED)]


def _not_said(connection: Connection, found: list[Due]) -> list[Due]:
    return [one for one in found if not _has(connection, one.incident, one.entry)]


def _has(connection: Connection, incident_id: str, entry: str) -> bool:
    return any(line.entry == entry for line in incidents.timeline(connection, incident_id))


def _say(operations: Database, one: Due) -> None:
    with operations.transaction() as connection:
        incidents.note(connection, one.incident, one.entry, one.words)
        notices.write(connection, one.incident, one.entry, one.words)


def _standing(one: Incident, now: datetime) -> str:
    minutes = (now - one.opened_at) // timedelta(minutes=1)
    says = f"asks: {one.question}" if one.status == "asking" else "is being looked into"
    contained = "trading stopped" if one.contained_at else "trading not stopped by it"
    return f"{one.severity} {one.id} {one.title}, open for {minutes} min, {contained}, {says}"
