"""What somebody who answers for the firm must be able to show, and what of it is missing."""

import json
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

from psycopg import Connection

from tasks.kernel import Change, Checklist, CheckResult, Unchanged, Verdict, action, check
from tasks.people.findings import rows_of
from tasks.reporting.files import text_written
from tasks.security.wording import some
from trading_core.clock import SystemClock, seconds
from trading_core.settings import Settings
from trading_core.storage.connect import Database
from trading_core.storage.operations import duties, happenings, people
from trading_core.storage.operations.control_api import tokens
from trading_core.storage.operations.duties import Wanted

RESTORED_DAYS_MAX = 2.0
DRILLED_DAYS_MAX = 100.0
GAP_DAYS = 30
_SHOWS_WITHIN = seconds(5)
# Whose a gap is; what is in no row is the security officer's.
_OWNERS = {
    "backups tested": "engineering lead",
    "recovery drilled": "engineering lead",
    "post-mortems": "engineering lead",
    "duties": "engineering lead",
    "changes approved": "compliance officer",
}
_OWNER = "security officer"

# A change made under an approval names the request and its digest; both must be on record as such.
_APPROVED = """
    SELECT l.seq, l.runbook, l.facts ->> 'approval', l.facts ->> 'approved_by',
           r.digest IS NOT NULL AND r.digest = l.facts ->> 'approval_sha256'
               AND e.outcome = 'granted' AND e.at <= l.at
    FROM effect_ledger l
    LEFT JOIN approval_requests r ON r.id = l.facts ->> 'approval'
    LEFT JOIN approval_endings e ON e.request_id = r.id
    WHERE l.kind = 'intent' AND coalesce(l.facts ->> 'approval', '') <> '' AND l.at >= %s
    ORDER BY l.seq
"""
_RESTORED = "SELECT max(restored_at) FROM backups"
_DRILLED = "SELECT max(recorded_at) FROM recoveries WHERE kind IN ('failover', 'failback', 'drill')"


@check
def check_changes_approved(operations: Database, days: float) -> CheckResult:
    """Hold every gated change on record against the approval it names: granted, before it."""
    since = SystemClock().now() - timedelta(days=days)
    with operations.transaction() as connection:
        found = connection.execute(_APPROVED, (since,)).fetchall()
    bad = [f"line {seq} of {runbook}" for seq, runbook, _, _, is_so in found if not is_so]
    return CheckResult(
        Verdict.FAIL if bad else Verdict.PASS,
        f"{len(bad)} of {len(found)} gated changes of {days:g} days without their approval"
        + (f": {some(bad)}" if bad else ""),
        "every gated change under an approval that was granted before it",
        {"without": bad},
        len(bad),
        0,
        " changes",
    )


@check
def check_backups_tested(operations: Database) -> CheckResult:
    """See when a backup was last restored and compared."""
    with operations.transaction() as connection:
        at = _moment(connection, _RESTORED)
    return _aged("last restored backup", at, RESTORED_DAYS_MAX)


@check
def check_recovery_drilled(operations: Database) -> CheckResult:
    """See when a switch to the other site was last made or rehearsed."""
    with operations.transaction() as connection:
        at = _moment(connection, _DRILLED)
    return _aged("last failover or drill", at, DRILLED_DAYS_MAX)


@action
def ensure_evidence_pack_written(
    settings: Settings, operations: Database, checklist: Checklist, day: date, days: float
) -> Change[Path] | Unchanged[Path]:
    """Write down what was found and what it rests on, for the compliance officer."""
    with operations.transaction() as connection:
        facts = _evidence(connection, days)
    pack = {"day": day, "lines": rows_of(checklist), **facts}
    text = json.dumps(pack, indent=2, default=str) + "\n"
    path = settings.root / "reports" / "compliance" / f"compliance-{day}.json"
    return text_written(path, text, f"the evidence of {day}")


@action
def ensure_gaps_opened(
    operations: Database, checklist: Checklist, day: date
) -> Change[int] | Unchanged[int]:
    """Open a duty for every line that is not green, with its owner and a date; return how many."""
    due = SystemClock().now() + timedelta(days=GAP_DAYS)
    bad = [line for line in checklist.lines if line.result.verdict is not Verdict.PASS]
    wanted = [
        Wanted(
            f"compliance-{line.name.replace(' ', '-')}/{day:%Y-%m}",
            f"close the gap: {line.name}: {line.result.found}",
            _OWNERS.get(line.name, _OWNER),
            due,
        )
        for line in bad
    ]

    def missing() -> list[Wanted]:
        with operations.transaction() as connection:
            there = duties.known(connection, [one.id for one in wanted])
        return [one for one in wanted if one.id not in there]

    def open_them(_fence: int) -> int:
        with operations.transaction() as connection:
            duties.open_all(connection, new)
        return len(new)

    new = missing()
    if not new:
        return Unchanged(f"{len(wanted)} gaps, each with its duty", 0)
    return Change(
        does=f"open {len(new)} duties: {some([one.id for one in new])}",
        act=open_them,
        holds=lambda: not missing(),
        within=_SHOWS_WITHIN,
        facts={"duties": [one.id for one in new]},
    )


def _aged(what: str, at: datetime | None, days_max: float) -> CheckResult:
    expected = f"{what} younger than {days_max:g} days"
    if at is None:
        return CheckResult(Verdict.FAIL, f"{what}: none on record", expected, unit=" days")
    days = (SystemClock().now() - at) / timedelta(days=1)
    return CheckResult(
        Verdict.FAIL if days >= days_max else Verdict.PASS,
        f"{what} {days:.1f} days ago",
        expected,
        {"at": at.isoformat()},
        days,
        days_max,
        " days",
    )


def _moment(connection: Connection, query: str) -> datetime | None:
    row = connection.execute(query.encode()).fetchone()
    return None if row is None else row[0]


def _evidence(connection: Connection, days: float) -> dict[str, Any]:
    now = SystemClock().now()
    since = now - timedelta(days=days)
    happened = happenings.between(connection, since, now)
    return {
        "API tokens": [
            {"token": one.id, "name": one.name, "scopes": sorted(one.scopes)}
            | {"valid_until": one.valid_until, "revoked_at": one.revoked_at}
            for one in tokens.callers(connection)
        ],
        "personal tokens": [
            {"token": one.key_id, "name": one.name, "scope": one.scope}
            | {"valid_until": one.valid_until, "revoked_at": one.revoked_at}
            for one in people.holders(connection).values()
        ],
        "gated changes": [
            {"line": seq, "runbook": runbook, "approval": approval, "approved_by": by}
            for seq, runbook, approval, by, _ in connection.execute(_APPROVED, (since,))
        ],
        "incidents": [
            {"id": one.id, "severity": one.severity, "title": one.title, "status": one.status}
            for one in happened.incidents
        ],
        "backups": [
            {"id": one.id, "taken_at": one.taken_at, "restored_at": one.restored_at}
            for one in happened.copies
        ],
        "duties": [
            {"id": one.id, "owner": one.owner, "due_at": one.due_at}
            | {"confirmed_at": one.confirmed_at, "words": one.words}
            for one in duties.due_between(connection, since, now)
        ],
    }
