"""Telling people about an incident: one thread in Slack, mail, artifacts of the run, and the log.

What is said is written down before it is sent. A channel that does not answer keeps no runbook: the
alert gateway sends the rest when it can.
"""

from prefect import task
from prefect.cache_policies import NO_CACHE

from infra.channels import say_at_once, tell_due
from tasks.kernel import Checklist, Verdict, current_run
from tasks.kernel.evidence import say, show_table, show_text, warn
from tasks.people.findings import rows_of
from trading_core.errors import Unreachable
from trading_core.settings import Settings
from trading_core.storage.connect import Database
from trading_core.storage.operations import incidents, notices
from trading_core.storage.operations.incidents import Incident, TimelineEntry
from trading_core.storage.operations.notices import Ways

_VERBS = {"open": "is open", "asking": "asks", "closed": "is closed"}


@task(cache_policy=NO_CACHE)
def notify_opened(settings: Settings, operations: Database) -> None:
    """Tell that there is an incident, how fast it was seen and whether trading is stopped."""
    incident = _incident(operations)
    if incident is None:
        say("rehearsal: people would be told that an incident was opened")
        return
    _tell(settings, operations, incident, "opened", f"{_title(incident)}\n{_times(incident)}")


@task(cache_policy=NO_CACHE)
def notify_findings(settings: Settings, operations: Database, findings: Checklist) -> Checklist:
    """Tell what was found; return it, so that it reads on."""
    run = current_run()
    show_table(f"{run.runbook}-findings", rows_of(findings), f"What {run.runbook} found")
    incident = _incident(operations)
    if incident is not None:
        lines = [f"{one.result.verdict} {one.name}: {one.result.found}" for one in findings.lines]
        _tell(settings, operations, incident, "findings", "\n".join(lines))
    return findings


@task(cache_policy=NO_CACHE)
def notify_standing(settings: Settings, operations: Database) -> str:
    """Tell where the incident stands: what it asks, or what came of it. Returns that sentence."""
    incident = _incident(operations)
    if incident is None:
        return "rehearsal: no incident was opened"
    with operations.transaction() as connection:
        lines = incidents.timeline(connection, incident.id)
    words = incident.question if incident.status == "asking" else incident.outcome
    sentence = f"{incident.id} {_VERBS[incident.status]}: {words}"
    show_table(f"{current_run().runbook}-timeline", _rows(lines), f"Timeline of {incident.id}")
    text = "\n\n".join([f"# {_title(incident)}", f"**{sentence}**", _times(incident)])
    show_text(f"{current_run().runbook}-incident", text, incident.id)
    _tell(settings, operations, incident, f"{incident.status}: {words}", sentence)
    return sentence


@task(cache_policy=NO_CACHE)
def notify_closed(settings: Settings, operations: Database, incident_id: str, cause: str) -> None:
    """Tell, in the incident's thread, that a person closed it and why."""
    if current_run().dry_run:
        say(f"rehearsal: people would be told that {incident_id} is closed")
        return
    with operations.transaction() as connection:
        incident = incidents.find(connection, incident_id)
    if incident is not None:
        words = f"{incident_id} closed by {current_run().actor}: {cause}"
        _tell(settings, operations, incident, "closed", words)


@task(cache_policy=NO_CACHE)
def notify_emergency(
    settings: Settings, operations: Database, words: str, ways: Ways = "all"
) -> None:
    """Tell everybody at once about something no alert has seen; a database is not needed for it."""
    run = current_run()
    if run.dry_run:
        say(f"rehearsal: people would be told: {words}")
        return
    warn(words)
    _say_to_all(settings, operations, "emergency", words, ways)


@task(cache_policy=NO_CACHE)
def notify_readiness(settings: Settings, operations: Database, checklist: Checklist) -> None:
    """Tell people whether they may trade today, and when not, exactly why (DAY-01)."""
    run = current_run()
    bad = [line for line in checklist.lines if line.result.verdict is not Verdict.PASS]
    good = len(checklist.lines) - len(bad)
    words = [f"{run.runbook} of {run.subject}: {checklist.readiness}, {good} lines passed"]
    words += [f"{one.result.verdict} {one.name}: {one.result.found}" for one in bad]
    if not checklist.is_ready:
        words.append("Trading stays disabled. Repair what is red, then run the checklist again.")
    if run.dry_run:
        say(f"rehearsal: people would be told: {words[0]}")
        return
    _say_to_all(settings, operations, "readiness", "\n".join(words))


@task(cache_policy=NO_CACHE)
def notify_trouble(
    settings: Settings,
    operations: Database,
    checklist: Checklist,
    next_step: str,
    ways: Ways = "all",
) -> None:
    """Tell people what a checklist found red, unknown or worth a word; nothing when all is well."""
    run = current_run()
    bad = [line for line in checklist.lines if line.result.verdict is not Verdict.PASS]
    if not bad:
        return
    words = [f"{run.runbook} of {run.subject}: {checklist.readiness}, next: {next_step}"]
    words += [f"{one.result.verdict} {one.name}: {one.result.found}" for one in bad]
    if run.dry_run:
        say(f"rehearsal: people would be told: {words[0]}")
        return
    _say_to_all(settings, operations, "trouble", "\n".join(words), ways)


@task(cache_policy=NO_CACHE)
def notify_canary(settings: Settings, operations: Database, canary: Checklist) -> None:
    """Tell people by another way when the alert of the day did not arrive (MON-04)."""
    found = "; ".join(line.result.found for line in canary.lines)
    if canary.is_ready:
        say(f"canary alert: {found}")
        return
    words = f"ALERTING IS DOWN: the canary alert did not arrive: {found}"
    warn(words)
    _say_to_all(settings, operations, "alerting", words)


def _say_to_all(
    settings: Settings, operations: Database, entry: str, words: str, ways: Ways = "all"
) -> None:
    """Write a message down and send it; without a database it is only sent."""
    try:
        with operations.transaction() as connection:
            notices.write(connection, current_run().run_id, entry, words, ways)
        tell_due(settings, operations)
    except Unreachable:
        if trouble := say_at_once(settings, words):
            warn(f"nobody could be told: {trouble}")


def _tell(
    settings: Settings, operations: Database, incident: Incident, entry: str, words: str
) -> None:
    warn(words)
    try:
        with operations.transaction() as connection:
            notices.write(connection, incident.id, entry, words)
        tell_due(settings, operations)
        with operations.transaction() as connection:
            left = notices.unsent(connection, incident.id)
    except Unreachable as error:
        warn(f"not told: {error}")
        return
    if left:
        warn(
            f"{left} messages about {incident.id} wait for a channel; the alert gateway sends them"
        )


def _incident(operations: Database) -> Incident | None:
    with operations.transaction() as connection:
        return incidents.about(connection, current_run().subject)


def _title(incident: Incident) -> str:
    return f"{incident.severity} {incident.id}: {incident.title}"


def _times(incident: Incident) -> str:
    heard = f"heard of {incident.detection_seconds:.1f} s after it fired"
    if incident.containment_seconds is None:
        return f"{heard}; trading was not stopped by it"
    return f"{heard}, contained {incident.containment_seconds:.2f} s later"


def _rows(lines: list[TimelineEntry]) -> list[dict[str, object]]:
    return [{"at": f"{line.at:%F %T.%f}", "what": line.words} for line in lines]
