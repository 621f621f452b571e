"""An open incident: who is called next, what is said every half hour, and its post-mortem."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tasks.incidents.attending import (
    check_incident_open,
    check_incidents_attended,
    ensure_incident_acknowledged,
    ensure_incidents_escalated,
    ensure_updates_told,
)
from tasks.incidents.post_mortem import (
    check_post_mortems,
    ensure_post_mortems_drafted,
    path_of,
)
from tasks.kernel import Kind, Run, Verdict
from tasks.kernel.ledger import PostgresLedger
from tests.fakes.ledger import MemoryLedger
from trading_core.calendar.exchange_calendar import ExchangeCalendar
from trading_core.clock import SystemClock
from trading_core.on_call.roster import Roster
from trading_core.settings import Settings
from trading_core.storage.connect import Database
from trading_core.storage.operations import alert_inbox, incidents
from trading_core.storage.operations.alert_inbox import Episode
from trading_core.storage.operations.incidents import Incident, Opening

ROSTER, CALENDAR = Roster.read(None), ExchangeCalendar.of()


def opened(operations: Database, severity: incidents.Severity = "P1") -> Incident:
    now = SystemClock().now()
    with operations.transaction() as connection:
        opening = Opening("crash-1", "service-crashed", "the feed fell", severity, now, now)
        return incidents.open_incident(connection, opening)


def entries(operations: Database, incident: Incident) -> list[str]:
    with operations.transaction() as connection:
        return [line.entry for line in incidents.timeline(connection, incident.id)]


def said(operations: Database, incident: Incident) -> list[str]:
    with operations.transaction() as connection:
        rows = connection.execute(
            "SELECT words FROM notices WHERE thread = %s ORDER BY id", (incident.id,)
        ).fetchall()
    return [str(row[0]) for row in rows]


def later(monkeypatch: pytest.MonkeyPatch, incident: Incident, minutes: float) -> None:
    at = incident.opened_at.astimezone(UTC) + timedelta(minutes=minutes)
    monkeypatch.setattr(SystemClock, "now", lambda _self: at)


@pytest.mark.usefixtures("run")
def test_nobody_acknowledges_and_the_ladder_is_climbed_each_level_once(
    operations: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    incident = opened(operations)
    for minutes, levels in ((0, 1), (14, 1), (16, 2), (16, 2), (61, 4)):
        later(monkeypatch, incident, minutes)
        ensure_incidents_escalated.fn(operations, ROSTER, CALENDAR)
        assert len(entries(operations, incident)) == levels, minutes
    words = said(operations, incident)
    assert "level 3, engineering lead (nobody said how to reach them)" in words[2]
    assert f"P1 {incident.id} the feed fell, open for 61 min" in words[3]


@pytest.mark.usefixtures("run")
def test_one_who_has_taken_it_keeps_the_others_asleep(
    operations: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    incident = opened(operations)
    assert check_incident_open.fn(operations, "INC-20000101-001").verdict is Verdict.FAIL
    assert check_incident_open.fn(operations, incident.id).verdict is Verdict.PASS
    assert check_incidents_attended.fn(operations).evidence["not_acknowledged"] == [incident.id]

    first = ensure_incident_acknowledged.fn(operations, incident.id)
    again = ensure_incident_acknowledged.fn(operations, incident.id)
    later(monkeypatch, incident, 90)

    assert (first.changed, again.changed) == (True, False)
    assert not ensure_incidents_escalated.fn(operations, ROSTER, CALENDAR).changed
    assert said(operations, incident) == ["taken by ann"]
    found = check_incidents_attended.fn(operations)
    assert (found.verdict, found.found) == (Verdict.WARN, "1 open, 0 not acknowledged")


@pytest.mark.usefixtures("run")
def test_every_half_hour_people_hear_where_it_stands_and_after_its_end_no_more(
    operations: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    incident = opened(operations)
    told = []
    for minutes in (29, 31, 35, 61):
        later(monkeypatch, incident, minutes)
        told.append(ensure_updates_told.fn(operations).changed)
    assert told == [False, True, False, True]
    assert entries(operations, incident) == ["update 1", "update 2"]
    with operations.transaction() as connection:
        incidents.close(connection, incident.id, "a cable")
    later(monkeypatch, incident, 95)
    assert not ensure_updates_told.fn(operations).changed


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(state_dir=tmp_path)


def fire(operations: Database, at: datetime) -> None:
    episode = Episode(
        *("FeedDown/1/x", "FeedDown", "market-data-disconnected", "critical", {}, {}, at, at),
    )
    with operations.transaction() as connection:
        alert_inbox.receive(connection, episode)


@pytest.mark.usefixtures("run")
def test_a_post_mortem_holds_what_the_records_know_and_is_not_written_over(
    settings: Settings, operations: Database, ledger: MemoryLedger
) -> None:
    incident = opened(operations, "P0")
    fire(operations, SystemClock().now())
    changing = Run("restart-service", "feed", "run-9", "bob", ledger)
    with operations.transaction() as connection:
        PostgresLedger(connection).append(changing, "k", Kind.PROOF, "verified: restart it", {})
        incidents.note(connection, incident.id, "opened", "opened by alert FeedDown")
    assert not ensure_post_mortems_drafted.fn(settings, operations).changed, "it has not ended"
    with operations.transaction() as connection:
        incidents.close(connection, incident.id, "a cable was pulled")

    drafted = ensure_post_mortems_drafted.fn(settings, operations)

    path = path_of(settings, incident.id)
    page = path.read_text()
    assert drafted.changed
    for words in (
        "severity: P0",
        "as it was closed with: a cable was pulled",
        "opened by alert FeedDown",
        "FeedDown (critical), still firing",
        "`restart-service` by bob: verified: restart it",
        "| what | ticket | owner | due |",
    ):
        assert words in page, page
    path.write_text("what people wrote")
    assert not ensure_post_mortems_drafted.fn(settings, operations).changed
    assert path.read_text() == "what people wrote"


@pytest.mark.usefixtures("run")
def test_a_draft_that_a_killed_run_left_is_kept_and_said(
    settings: Settings, operations: Database
) -> None:
    incident = opened(operations, "P0")
    with operations.transaction() as connection:
        incidents.close(connection, incident.id, "a cable")
    path_of(settings, incident.id).parent.mkdir(parents=True)
    path_of(settings, incident.id).write_text("left behind")
    assert ensure_post_mortems_drafted.fn(settings, operations).changed
    assert path_of(settings, incident.id).read_text() == "left behind"
    assert "post-mortem drafted" in entries(operations, incident)


@pytest.mark.usefixtures("run")
def test_a_grave_incident_without_a_post_mortem_after_a_day_is_red(
    settings: Settings, operations: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    incident = opened(operations, "P1")
    with operations.transaction() as connection:
        incidents.close(connection, incident.id, "a cable")
    later(monkeypatch, incident, 23 * 60)
    assert check_post_mortems.fn(operations).verdict is Verdict.PASS
    later(monkeypatch, incident, 25 * 60)
    found = check_post_mortems.fn(operations)
    assert (found.verdict, found.value) == (Verdict.FAIL, 1)
    monkeypatch.undo()
    ensure_post_mortems_drafted.fn(settings, operations)
    later(monkeypatch, incident, 25 * 60)
    assert check_post_mortems.fn(operations).verdict is Verdict.PASS


def test_a_rehearsal_calls_tells_and_writes_nothing(
    rehearsal: Run, settings: Settings, operations: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    incident = opened(operations)
    later(monkeypatch, incident, 31)
    ensure_incidents_escalated.fn(operations, ROSTER, CALENDAR)
    ensure_updates_told.fn(operations)
    with operations.transaction() as connection:
        incidents.close(connection, incident.id, "a cable")
    ensure_post_mortems_drafted.fn(settings, operations)
    assert len(rehearsal.plan) == 3
    assert not entries(operations, incident)
    assert not settings.root.joinpath("reports").exists()
