"""The post-mortem's draft: all that the records know, and a place for all that only people know.

Written once when a P0 or P1 has ended, as Markdown beside the reports. What people write into it
stays: a draft is never written over. Until its two duties are confirmed it counts as unfinished.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from psycopg import Connection

from tasks.kernel import Change, CheckResult, Unchanged, Verdict, action, check
from tasks.security.wording import some
from trading_core import durable
from trading_core.clock import SystemClock, seconds
from trading_core.settings import Settings
from trading_core.storage.connect import Database
from trading_core.storage.operations import happenings, incidents
from trading_core.storage.operations.happenings import Alert
from trading_core.storage.operations.incidents import Incident, TimelineEntry

GRAVE = ("P0", "P1")
# The duty that its completion is; what marks a place nobody has written yet; its table of actions.
DUTY = "post-mortem"
UNWRITTEN = "to be written"
ACTION_COLUMNS = ("what", "ticket", "owner", "due", "done")
DRAFTED = "post-mortem drafted"
DRAFTED_WITHIN = timedelta(hours=24)
_LOOKED_BACK = timedelta(days=92)
_SHOWS_WITHIN = seconds(5)

_CHANGES = """
    SELECT at, runbook, actor, sentence FROM effect_ledger
    WHERE kind = 'proof' AND at >= %s AND at <= %s ORDER BY seq LIMIT 200
"""

_IMPACT = """
## Impact

_Orders, positions, money, people who were kept from their work. To be written._
"""
_QUESTIONS = """
## Root cause

_Why did it happen, and why was it possible? To be written._

## Actions

| what | ticket | owner | due | done |
|---|---|---|---|---|
| _to be written_ | | | | |

## Lessons

_What went well, what did not, where we were lucky. To be written._
"""


@dataclass(frozen=True, slots=True)
class Story:
    """What the records know of an incident."""

    incident: Incident
    timeline: Sequence[TimelineEntry]
    alerts: Sequence[Alert]
    changes: Sequence[tuple[datetime, str, str, str]]


@check
def check_post_mortems(operations: Database) -> CheckResult:
    """See that every P0 and P1 of a quarter was drafted within 24 hours of its end."""
    now = SystemClock().now()
    late, grave = [], _grave(operations, now)
    with operations.transaction() as connection:
        for one in grave:
            drafted = _drafted_at(connection, one.id)
            if (drafted or now) - (one.closed_at or now) > DRAFTED_WITHIN:
                late.append(f"{one.id} {'drafted late' if drafted else 'has none'}")
    return CheckResult(
        Verdict.FAIL if late else Verdict.PASS,
        f"{len(late)} of {len(grave)} late" + (f": {some(late)}" if late else ""),
        "a post-mortem drafted within 24 h of the end of every P0 and P1",
        {"late": late},
        len(late),
        0,
        " post-mortems",
    )


@action
def ensure_post_mortems_drafted(
    settings: Settings, operations: Database
) -> Change[int] | Unchanged[int]:
    """Write the draft of every P0 and P1 that has ended and has none; return how many."""

    def missing() -> list[Incident]:
        found = _grave(operations, SystemClock().now())
        with operations.transaction() as connection:
            return [one for one in found if _drafted_at(connection, one.id) is None]

    due = missing()
    if not due:
        return Unchanged("every P0 and P1 that has ended has its post-mortem", 0)

    def write(_fence: int) -> int:
        for one in due:
            _draft(settings, operations, one)
        return len(due)

    return Change(
        does=f"draft the post-mortem of {some([one.id for one in due])}",
        act=write,
        holds=lambda: not missing(),
        within=_SHOWS_WITHIN,
        facts={"incidents": [one.id for one in due]},
    )


def path_of(settings: Settings, incident_id: str) -> Path:
    """Return where a post-mortem lies."""
    return settings.root / "reports" / "post-mortems" / f"{incident_id}.md"


def page_of(story: Story) -> str:
    """Return the draft: facts filled in, questions left open."""
    one = story.incident
    lines = [
        f"# Post-mortem of {one.id}: {one.title}",
        "",
        *_facts(one),
        _IMPACT,
        "## Timeline (UTC)",
        "",
        *(f"- {line.at:%F %T} {line.words}" for line in story.timeline),
        "",
        "## Alerts in that time",
        "",
        *([_alert(alert) for alert in story.alerts] or ["none"]),
        "",
        "## Changes in that time",
        "",
        *([_change(*change) for change in story.changes] or ["none"]),
        _QUESTIONS,
    ]
    return "\n".join(lines)


def story_of(connection: Connection, one: Incident) -> Story:
    """Return what the records know of an incident."""
    ended = one.closed_at or SystemClock().now()
    happened = happenings.between(connection, one.began_at, ended + timedelta(seconds=1))
    return Story(
        one,
        incidents.timeline(connection, one.id),
        happened.alerts,
        connection.execute(_CHANGES, (one.began_at, ended)).fetchall(),
    )


def _draft(settings: Settings, operations: Database, one: Incident) -> None:
    """Write the file, unless there is one, and then say so: killed in between, it is said later."""
    path = path_of(settings, one.id)
    with operations.transaction() as connection:
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            durable.write_text(path, page_of(story_of(connection, one)))
        incidents.note(connection, one.id, DRAFTED, f"post-mortem drafted: {path}")


def _grave(operations: Database, now: datetime) -> list[Incident]:
    with operations.transaction() as connection:
        closed = incidents.closed_since(connection, now - _LOOKED_BACK)
    return [one for one in closed if one.severity in GRAVE]


def _drafted_at(connection: Connection, incident_id: str) -> datetime | None:
    lines = incidents.timeline(connection, incident_id)
    return next((line.at for line in lines if line.entry == DRAFTED), None)


def _facts(one: Incident) -> list[str]:
    ended = one.closed_at or SystemClock().now()
    return [
        f"- date: {one.began_at:%F}",
        f"- severity: {one.severity}",
        f"- began {one.began_at:%F %T} UTC, ended {ended:%F %T} UTC: {_span(ended - one.began_at)}",
        f"- heard of after {one.detection_seconds:.1f} s",
        f"- trading stopped: {_contained(one)}",
        f"- runbook: `{one.runbook}`",
        f"- root cause, as it was closed with: {one.outcome}",
    ]


def _change(at: datetime, runbook: str, actor: str, what: str) -> str:
    return f"- {at:%F %T} `{runbook}` by {actor}: {what}"


def _contained(one: Incident) -> str:
    if one.containment_seconds is None:
        return "not by it"
    return f"{one.containment_seconds:.2f} s after it was heard of"


def _alert(one: Alert) -> str:
    until = f"until {one.resolved_at:%T}" if one.resolved_at else "still firing"
    return f"- {one.starts_at:%F %T} {one.name} ({one.severity}), {until}"


def _span(span: timedelta) -> str:
    minutes = int(span.total_seconds()) // 60
    return f"{minutes // 60} h {minutes % 60} min" if minutes >= 60 else f"{minutes} min"
