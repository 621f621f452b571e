"""The incident record: opened once for a subject, contained, asked about or closed, all kept.

The subject of the run is the subject of the incident. A run that was killed finds its incident as
it left it.
"""

from tasks.kernel import (
    Change,
    Checklist,
    CheckResult,
    Unchanged,
    Verdict,
    action,
    check,
    current_run,
)
from tasks.trading.control import Core
from trading_core.clock import SystemClock, seconds
from trading_core.domain.state import Breaker
from trading_core.errors import CheckFailed, TradingError
from trading_core.storage.connect import Database
from trading_core.storage.operations import alert_inbox, incidents
from trading_core.storage.operations.incidents import Incident, Opening, Severity

_SHOWS_WITHIN = seconds(5)
_RESUME = "May trading resume? With the cause known: resume-trading, with that cause as its reason"


@action
def ensure_incident_opened(
    operations: Database, title: str, severity: Severity
) -> Change[str] | Unchanged[str]:
    """Open the record of an incident, with what the alert gateway saw and did; the value is its id.

    Without an alert it began when somebody started the run.
    """
    known = _about(operations)
    if known is not None:
        return Unchanged(f"{known.id} is {known.status}: {known.title}", known.id)
    return Change(
        does=f"open an incident: {title}",
        act=lambda _fence: _open(operations, title, severity),
        holds=lambda: _about(operations) is not None,
        within=_SHOWS_WITHIN,
        facts={"severity": severity},
    )


@action
def ensure_containment_recorded(
    operations: Database, steps: Checklist
) -> Change[None] | Unchanged[None]:
    """Write down that trading is confirmed stopped, and since when.

    Raises:
        NotVerified: A protective step is not confirmed: the incident says so in its question.
    """
    incident = _of_run(operations)
    if incident is None or incident.contained_at is not None:
        return Unchanged("containment is recorded" if incident else "there is no incident yet")
    steps.require_confirmed("look at the broker's open orders, then run trading-halt")
    return Change(
        does="record that trading is stopped",
        act=lambda _fence: _contain(operations, incident),
        holds=lambda: _require(operations).contained_at is not None,
        within=_SHOWS_WITHIN,
    )


@action
def ensure_findings_recorded(
    operations: Database, findings: Checklist
) -> Change[None] | Unchanged[None]:
    """Write what was found into the timeline, with the readings; the first run's findings stay."""
    if _has(operations, "findings"):
        return Unchanged("findings are recorded")
    words = "; ".join(f"{line.name}: {line.result.found}" for line in findings.lines)
    facts: dict[str, object] = {
        line.name: {
            "verdict": line.result.verdict.value,
            "found": line.result.found,
            "expected": line.result.expected,
            "evidence": _plain(line.result.evidence),
        }
        for line in findings.lines
    }
    return Change(
        does="record the findings",
        act=lambda _fence: _note(operations, "findings", words, facts),
        holds=lambda: _has(operations, "findings"),
        within=_SHOWS_WITHIN,
    )


@action
def ensure_incident_settled(
    operations: Database, core: Core, standing: Checklist, otherwise: str
) -> Change[str] | Unchanged[str]:
    """Close the incident when all stands and trading goes on; else ask a person one question.

    Args:
        standing: What had to be brought back, and whether it is.
        otherwise: The question when it is not, as one sentence with the runbook to start.
    """
    incident = _of_run(operations)
    if incident is not None and incident.status == "closed":
        return Unchanged(f"{incident.id} is closed: {incident.outcome}")
    question, outcome = _verdict(core, standing, otherwise)
    if incident is not None and question and incident.question == question:
        return Unchanged(f"{incident.id} asks: {question}", question)
    return Change(
        does="ask the on-call one question" if question else "close the incident",
        act=lambda _fence: _settle(operations, question, outcome),
        holds=lambda: _require(operations).status == ("asking" if question else "closed"),
        within=_SHOWS_WITHIN,
        facts={"question": question, "outcome": outcome},
    )


@action
def ensure_incident_closed(
    operations: Database, incident_id: str, cause: str
) -> Change[None] | Unchanged[None]:
    """Close an incident with the cause a person found."""
    with operations.transaction() as connection:
        incident = incidents.find(connection, incident_id)
    if incident is not None and incident.status == "closed":
        return Unchanged(f"{incident_id} is closed: {incident.outcome}", target=incident_id)
    return Change(
        does=f"close {incident_id}",
        act=lambda _fence: _close(operations, incident_id, cause),
        holds=lambda: _status(operations, incident_id) == "closed",
        within=_SHOWS_WITHIN,
        target=incident_id,
        facts={"cause": cause},
    )


@check
def check_incident_over(operations: Database, incident_id: str) -> CheckResult:
    """Ask whether the alert behind an incident has ended."""
    expected = "an incident whose alert has ended"
    with operations.transaction() as connection:
        incident = incidents.find(connection, incident_id)
        if incident is None:
            return CheckResult(Verdict.FAIL, f"there is no incident {incident_id}", expected)
        episode = alert_inbox.find(connection, incident.subject)
    fires = episode is not None and episode.resolved_at is None
    found = f"{incident.id} is {incident.status}: {incident.title}"
    return CheckResult(
        Verdict.FAIL if fires else Verdict.PASS,
        f"{found}; its alert still fires" if fires else found,
        expected,
    )


def _verdict(core: Core, standing: Checklist, otherwise: str) -> tuple[str, str]:
    """Return the question to a person, or what came of it; one of the two is empty."""
    if not standing.is_ready:
        red = standing.with_verdict(Verdict.FAIL, Verdict.UNKNOWN)
        return f"{'; '.join(line.result.found for line in red)}. {otherwise}", ""
    back = "; ".join(line.result.found for line in standing.lines)
    try:
        state = core.state()
    except TradingError as error:
        return f"{back}; whether trading is stopped is unknown: {error}. {otherwise}", ""
    if state.is_stopped or state.breaker is Breaker.OPEN:
        return f"{back}. Trading stays stopped ({state.actor}: {state.reason}). {_RESUME}", ""
    return "", back


def _about(operations: Database) -> Incident | None:
    with operations.transaction() as connection:
        return incidents.about(connection, current_run().subject)


def _of_run(operations: Database) -> Incident | None:
    """Return the run's incident; None in a rehearsal, which opened none.

    Raises:
        CheckFailed: A real run has none.
    """
    return _about(operations) if current_run().dry_run else _require(operations)


def _require(operations: Database) -> Incident:
    found = _about(operations)
    if found is None:
        raise CheckFailed(
            f"incident: expected one about {current_run().subject}, found none",
            next_step=f"run {current_run().runbook} again",
        )
    return found


def _open(operations: Database, title: str, severity: Severity) -> str:
    run, now = current_run(), SystemClock().now()
    with operations.transaction() as connection:
        episode = alert_inbox.find(connection, run.subject)
        opened = incidents.open_incident(
            connection,
            Opening(
                subject=run.subject,
                runbook=run.runbook,
                title=title,
                severity=severity,
                began_at=episode.starts_at if episode else now,
                detected_at=episode.received_at if episode else now,
                contained_at=episode.protected_at if episode and episode.protection_held else None,
            ),
        )
        who = f"alert {episode.alert_name}" if episode else run.actor
        incidents.note(connection, opened.id, "opened", f"opened by {who}: {title}")
        if episode and episode.protected_at:
            facts = {"at": episode.protected_at.isoformat(), "held": episode.protection_held}
            incidents.note(connection, opened.id, "protected", episode.protection_said, facts)
    return opened.id


def _contain(operations: Database, incident: Incident) -> None:
    with operations.transaction() as connection:
        incidents.set_contained(connection, incident.id, SystemClock().now())
        incidents.note(connection, incident.id, "contained", "trading is confirmed stopped")


def _note(operations: Database, entry: str, words: str, facts: dict[str, object]) -> None:
    incident = _require(operations)
    with operations.transaction() as connection:
        incidents.note(connection, incident.id, entry, words, facts)


def _has(operations: Database, entry: str) -> bool:
    incident = _of_run(operations)
    if incident is None:
        return False
    with operations.transaction() as connection:
        return any(line.entry == entry for line in incidents.timeline(connection, incident.id))


def _settle(operations: Database, question: str, outcome: str) -> str:
    incident = _require(operations)
    with operations.transaction() as connection:
        if question:
            incidents.ask(connection, incident.id, question)
            incidents.note(connection, incident.id, f"asked: {question}", f"asked: {question}")
        else:
            incidents.close(connection, incident.id, outcome)
            incidents.note(connection, incident.id, "closed", f"closed: {outcome}")
    return question or outcome


def _close(operations: Database, incident_id: str, cause: str) -> None:
    words = f"closed by {current_run().actor}: {cause}"
    with operations.transaction() as connection:
        incidents.close(connection, incident_id, cause)
        incidents.note(connection, incident_id, "closed", words)


def _status(operations: Database, incident_id: str) -> str:
    with operations.transaction() as connection:
        found = incidents.find(connection, incident_id)
    return "" if found is None else found.status


def _plain(evidence: object) -> object:
    if isinstance(evidence, dict):
        return {str(name): _plain(value) for name, value in evidence.items()}
    if isinstance(evidence, list | tuple):
        return [_plain(value) for value in evidence]
    return evidence if isinstance(evidence, int | float | str | None) else str(evidence)
