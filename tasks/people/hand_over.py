"""The hand-over of a shift: what the next one must know, on one page, before they take it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

from prefect import task
from prefect.cache_policies import NO_CACHE
from psycopg import Connection

from infra.channels import tell_due
from tasks.health.readings import as_result
from tasks.kernel import Change, Checklist, CheckResult, Unchanged, Verdict, action, check
from tasks.kernel.evidence import say, show_text
from tasks.kernel.run import current_run
from tasks.people.findings import rows_of
from tasks.reporting.files import text_written
from tasks.security.wording import some
from trading_core.clock import EXCHANGE_ZONE
from trading_core.on_call.roster import Roster, Shift
from trading_core.reconciliation.lifecycle import KeptBreak
from trading_core.settings import Settings
from trading_core.status import board
from trading_core.storage.connect import Database
from trading_core.storage.operations import alert_inbox, duties, incidents, notices
from trading_core.storage.operations.alert_inbox import Episode
from trading_core.storage.operations.duties import Duty
from trading_core.storage.operations.incidents import Incident
from trading_core.storage.trading import breaks

_CHANGES = """
    SELECT runbook, count(*), max(at), string_agg(DISTINCT actor, ', ') FROM effect_ledger
    WHERE kind = 'proof' AND at >= %s GROUP BY runbook ORDER BY max(at) DESC
"""


@dataclass(frozen=True, slots=True)
class HandOver:
    """What is handed over.

    Attributes:
        changes: By runbook: how many changes, the last when, by whom.
    """

    shift: Shift
    incidents: Sequence[Incident]
    alerts: Sequence[Episode]
    breaks: Sequence[KeptBreak]
    duties: Sequence[Duty]
    changes: Sequence[tuple[str, int, datetime, str]]


@check
def check_contacts(roster: Roster) -> CheckResult:
    """See that the roster says of everybody how they are reached (ONC-08)."""
    missing = roster.unreachable()
    return CheckResult(
        Verdict.WARN if missing else Verdict.PASS,
        f"{len(missing)} cannot be reached" + (f": {some(missing)}" if missing else ""),
        "every role of the roster with a way to reach it: TRADEOPS_ON_CALL_FILE",
        {"missing": missing},
        len(missing),
        0,
        " roles",
    )


@check
def check_health_score(settings: Settings) -> CheckResult:
    """Measure the whole system once, as `tradeops status` does, and hold its score to the limit."""
    return as_result([board.look(settings).score])


@action
def ensure_hand_over_written(
    settings: Settings, operations: Database, database: Database, shift: Shift, day: date
) -> Change[Path] | Unchanged[Path]:
    """Write the page of a shift's hand-over beside the reports."""
    page = page_of(read_hand_over(operations, database, shift))
    path = settings.root / "reports" / "hand-overs" / f"hand-over-{day}.md"
    return text_written(path, page, f"the hand-over of {day}")


@task(cache_policy=NO_CACHE)
def notify_hand_over(
    settings: Settings, operations: Database, database: Database, shift: Shift, lines: Checklist
) -> str:
    """Show the page, and tell who takes the shift and whether they may accept it."""
    run = current_run()
    page = page_of(read_hand_over(operations, database, shift))
    red = [one for one in rows_of(lines) if one["verdict"] != "PASS"]
    checked = [f"- **{one['verdict']}** {one['check']}: {one['found']}" for one in red]
    show_text(run.runbook, "\n".join([page, "## Before the shift", "", *checked]), "Hand-over")
    taken = "may be accepted" if lines.is_ready else "NOT TO BE ACCEPTED until the red is gone"
    sentence = (
        f"{shift.primary} has the shift until {_wall(shift.ends_at)}, {shift.secondary} is second; "
        f"it {taken}"
    )
    say(sentence)
    if not run.dry_run:
        with operations.transaction() as connection:
            notices.write(connection, f"hand-over/{run.subject}", sentence, sentence)
        tell_due(settings, operations)
    return sentence


def read_hand_over(operations: Database, database: Database, shift: Shift) -> HandOver:
    """Return what the records say is to be handed over in a shift."""
    with operations.transaction() as connection:
        found = (
            incidents.not_closed(connection),
            [one for one in alert_inbox.firing(connection) if one.severity != "none"],
            duties.not_confirmed(connection),
            _changes(connection, shift.begins_at),
        )
    with database.transaction() as connection:
        open_breaks = breaks.listed(connection)
    still_open, firing, waiting, changes = found
    return HandOver(shift, still_open, firing, open_breaks, waiting, changes)


def page_of(one: HandOver) -> str:
    """Return the page as Markdown. Said twice of the same records, it is the same."""
    shift = one.shift
    parts = {
        "Open incidents": [_incident(incident) for incident in one.incidents],
        "Alerts that fire": [
            f"{a.alert_name} ({a.severity}) since {a.starts_at:%F %T} UTC" for a in one.alerts
        ],
        "Breaks that are not settled": [_break(kept) for kept in one.breaks],
        f"Changes since {_wall(shift.begins_at)}": [
            f"`{book}`: {count}, the last {at:%F %H:%M} UTC, by {who}"
            for book, count, at, who in one.changes
        ],
        "What people owe": [f"{d.id}: {d.what} ({d.owner}), by {d.due_at:%F}" for d in one.duties],
    }
    lines = [
        f"# Shift until {_wall(shift.ends_at)}",
        "",
        f"Primary: **{shift.primary}**. Secondary: {shift.secondary}.",
        f"Next primary: {shift.next_primary}.",
        "",
    ]
    for title, found in parts.items():
        lines += [f"## {title}: {len(found)}", "", *(f"- {line}" for line in found or ["none"]), ""]
    return "\n".join(lines)


def _incident(one: Incident) -> str:
    asks = f": {one.question}" if one.question else ""
    since = f"{one.opened_at:%F %H:%M} UTC"
    return f"{one.severity} {one.id} {one.title}, {one.status}, since {since}{asks}"


def _changes(connection: Connection, since: datetime) -> list[tuple[str, int, datetime, str]]:
    return connection.execute(_CHANGES, (since,)).fetchall()


def _break(kept: KeptBreak) -> str:
    one = kept.found
    return f"{kept.id} {one.type} {one.symbol}: {kept.standing}, owner {kept.owner or 'nobody'}"


def _wall(at: datetime) -> str:
    return f"{at.astimezone(EXCHANGE_ZONE):%a %F %H:%M} New York"
