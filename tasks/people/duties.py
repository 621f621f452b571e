"""What people hold: meetings, reviews, tests from outside. A run opens the item, people close it.

The table says which there are. What is due in a period is opened once in it; what an incident asks
of people is opened when it is closed. An overdue one is told every day until somebody confirms it.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from tasks.kernel import Change, CheckResult, Unchanged, Verdict, action, check, current_run
from tasks.security.wording import some
from trading_core.clock import EXCHANGE_ZONE, SystemClock, seconds
from trading_core.storage.connect import Database
from trading_core.storage.operations import duties, notices
from trading_core.storage.operations.duties import Duty, Wanted
from trading_core.storage.operations.incidents import Incident, closed_since

_SHOWS_WITHIN = seconds(5)
_GRAVE = ("P0", "P1")
# An incident closed longer ago than this asks nobody for anything any more.
_INCIDENTS_LOOKED_BACK = timedelta(days=14)


def _weekly(day: date) -> str:
    return f"{day:%G-W%V}"


def _monthly(day: date) -> str:
    return f"{day:%Y-%m}"


def _quarterly(day: date) -> str:
    return f"{day:%Y}-Q{(day.month + 2) // 3}"


@dataclass(frozen=True, slots=True)
class Recurring:
    """A duty of every period.

    Attributes:
        owner: A role.
        period: Names the period a date lies in; one duty is opened in each.
        days: From its opening, on the first run of the period, to its date.
        ids: Of the catalogue.
    """

    name: str
    what: str
    owner: str
    period: Callable[[date], str]
    days: int
    ids: tuple[str, ...]


RECURRING: tuple[Recurring, ...] = (
    Recurring(
        "runbook-review",
        "read the runbooks that ran this month; correct what was unclear",
        "engineering lead",
        _monthly,
        14,
        ("SCH-49", "ONC-07"),
    ),
    Recurring(
        "alert-thresholds",
        "decide about the alerts that the last review-alerts calls noisy or silent",
        "engineering lead",
        _monthly,
        14,
        ("MON-08",),
    ),
    Recurring(
        "model-review",
        "read the week's drift and performance of every strategy, and say what is to change",
        "risk manager",
        _weekly,
        7,
        ("MDL-09",),
    ),
    Recurring(
        "contact-directory",
        "call every contact of the roster once; correct what no longer reaches anybody",
        "engineering lead",
        _quarterly,
        21,
        ("ONC-08",),
    ),
    Recurring(
        "penetration-test",
        "have the system attacked from outside; open an item for each finding",
        "security officer",
        _quarterly,
        60,
        ("SCH-42", "SEC-25"),
    ),
    Recurring(
        "on-call-training",
        "see that everybody of the rotation has halted, resumed and restored in a rehearsal",
        "engineering lead",
        _quarterly,
        45,
        ("ONC-07",),
    ),
)
# Of each incident of P0 or P1: name, what, owner, hours from its end (RSP-08, SCH-44).
AFTER_INCIDENT = (
    ("post-mortem", "finish the post-mortem: impact, root cause, actions", "primary on call", 24),
    ("post-mortem-meeting", "hold the post-mortem's meeting", "engineering lead", 48),
)


@check
def check_duties(operations: Database) -> CheckResult:
    """Tell which duties wait, and which are overdue."""
    now = SystemClock().now()
    with operations.transaction() as connection:
        waiting = duties.not_confirmed(connection)
    overdue = [one for one in waiting if one.is_overdue(now)]
    words = [f"{one.id} ({one.owner}) since {one.due_at:%F}" for one in overdue]
    return CheckResult(
        Verdict.FAIL if overdue else Verdict.PASS,
        f"{len(overdue)} of {len(waiting)} that wait are overdue"
        + (f": {some(words)}" if words else ""),
        "every duty confirmed by its date: tradeops run confirm-duty",
        {"waiting": [one.id for one in waiting], "overdue": words},
        len(overdue),
        0,
        " duties",
    )


@action
def ensure_duties_opened(operations: Database, day: date) -> Change[int] | Unchanged[int]:
    """Open what the table and closed incidents ask of people, each once; return how many.

    Args:
        day: The exchange's date.
    """
    wanted = [*_of_periods(day), *_of_incidents(operations)]

    def missing() -> list[Wanted]:
        with operations.transaction() as connection:
            there = duties.known(connection, [one.id for one in wanted])
        return [one for one in wanted if one.id not in there]

    new = missing()
    if not new:
        return Unchanged(f"all {len(wanted)} duties of today's periods are open or done", 0)
    return Change(
        does=f"open {len(new)} duties: {some([one.id for one in new])}",
        act=lambda _fence: _open(operations, new),
        holds=lambda: not missing(),
        within=_SHOWS_WITHIN,
        facts={"duties": [one.id for one in new]},
    )


@action
def ensure_overdue_told(operations: Database, day: date) -> Change[int] | Unchanged[int]:
    """Tell people of every overdue duty, in its thread, once a day; return how many."""
    entry = f"overdue on {day}"

    def untold() -> list[Duty]:
        now = SystemClock().now()
        with operations.transaction() as connection:
            late = [one for one in duties.not_confirmed(connection) if one.is_overdue(now)]
            return [one for one in late if not notices.is_written(connection, _thread(one), entry)]

    late = untold()
    if not late:
        return Unchanged("nothing is overdue that was not told today", 0)
    return Change(
        does=f"tell of {len(late)} overdue duties: {some([one.id for one in late])}",
        act=lambda _fence: _tell(operations, late, entry),
        holds=lambda: not untold(),
        within=_SHOWS_WITHIN,
    )


@action
def ensure_duty_confirmed(
    operations: Database, duty_id: str, words: str
) -> Change[None] | Unchanged[None]:
    """Write down what came of a duty, and who says so."""

    def found() -> Duty | None:
        with operations.transaction() as connection:
            return duties.find(connection, duty_id)

    duty = found()
    if duty is not None and duty.confirmed_at is not None:
        words_then = f"{duty_id} was confirmed by {duty.confirmed_by}: {duty.words}"
        return Unchanged(words_then, target=duty_id)
    return Change(
        does=f"confirm {duty_id}: {words}",
        act=lambda _fence: _confirm(operations, duty_id, words),
        holds=lambda: (one := found()) is not None and one.confirmed_at is not None,
        within=_SHOWS_WITHIN,
        target=duty_id,
    )


@check
def check_duty_open(operations: Database, duty_id: str, words: str) -> CheckResult:
    """See that there is such a duty, and something to say about it."""
    expected = "a duty that is known, and a sentence on what came of it"
    with operations.transaction() as connection:
        duty = duties.find(connection, duty_id)
    if duty is None:
        return CheckResult(Verdict.FAIL, f"there is no duty {duty_id}", expected)
    if not words.strip():
        return CheckResult(Verdict.FAIL, f"{duty_id}: nothing was said", expected)
    return CheckResult(Verdict.PASS, f"{duty_id}: {duty.what}, due {duty.due_at:%F}", expected)


def _of_periods(day: date) -> Iterator[Wanted]:
    for one in RECURRING:
        due = _end_of(day + timedelta(days=one.days))
        yield Wanted(f"{one.name}/{one.period(day)}", one.what, one.owner, due)


def _of_incidents(operations: Database) -> Iterator[Wanted]:
    since = SystemClock().now() - _INCIDENTS_LOOKED_BACK
    with operations.transaction() as connection:
        grave = [one for one in closed_since(connection, since) if one.severity in _GRAVE]
    for incident in grave:
        yield from _after(incident)


def _after(incident: Incident) -> Iterator[Wanted]:
    assert incident.closed_at is not None, "only closed ones were read"
    for name, what, owner, hours in AFTER_INCIDENT:
        due = incident.closed_at + timedelta(hours=hours)
        yield Wanted(f"{name}/{incident.id}", f"{what} ({incident.title})", owner, due)


def _end_of(day: date) -> datetime:
    return datetime.combine(day, time(18), EXCHANGE_ZONE)


def _open(operations: Database, new: list[Wanted]) -> int:
    with operations.transaction() as connection:
        duties.open_all(connection, new)
        for one in new:
            words = f"{one.owner}: {one.what}, by {one.due_at:%F}. Then: confirm-duty {one.id}"
            notices.write(connection, f"duty/{one.id}", "opened", words)
    return len(new)


def _tell(operations: Database, late: list[Duty], entry: str) -> int:
    with operations.transaction() as connection:
        for one in late:
            words = f"OVERDUE since {one.due_at:%F}: {one.owner}: {one.what} ({one.id})"
            notices.write(connection, _thread(one), entry, words)
    return len(late)


def _confirm(operations: Database, duty_id: str, words: str) -> None:
    by = current_run().actor
    with operations.transaction() as connection:
        duties.confirm(connection, duty_id, by, words)
        notices.write(connection, f"duty/{duty_id}", "confirmed", f"done, says {by}: {words}")


def _thread(one: Duty) -> str:
    return f"duty/{one.id}"
