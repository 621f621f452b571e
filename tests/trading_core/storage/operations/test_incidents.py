"""Incidents are numbered by the day, opened once for a subject, and remember everything said."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import psycopg
import pytest
from psycopg import Connection

from tests.fix_postgres import OperationsDatabase
from trading_core.storage.connect import connect
from trading_core.storage.operations import alert_inbox, incidents
from trading_core.storage.operations.alert_inbox import Episode
from trading_core.storage.operations.incidents import Opening

AT = datetime(2026, 11, 20, 15, 0, tzinfo=UTC)
OPENING = Opening("episode-1", "service-crashed", "gateway does not answer", "P0", AT, AT)
EPISODE = Episode("episode-1", "ServiceDown", "service-crashed", "P0", {"a": "b"}, {}, AT, AT)


@pytest.fixture
def connection(operations_database: OperationsDatabase) -> Iterator[Connection]:
    with connect(operations_database.app_dsn, application="test") as one:
        yield one


def test_numbers_run_through_a_day_of_new_york_and_begin_again(connection: Connection) -> None:
    openings = [
        OPENING,
        replace(OPENING, subject="episode-2"),
        # Saturday in UTC, still Friday evening at the exchange.
        replace(OPENING, subject="episode-3", detected_at=datetime(2026, 11, 21, 3, tzinfo=UTC)),
        replace(OPENING, subject="episode-4", detected_at=AT + timedelta(days=1)),
    ]
    ids = [incidents.open_incident(connection, one).id for one in openings]
    assert ids == ["INC-20261120-001", "INC-20261120-002", "INC-20261120-003", "INC-20261121-001"]


def test_a_subject_has_one_incident(connection: Connection) -> None:
    first = incidents.open_incident(connection, OPENING)
    again = incidents.open_incident(connection, replace(OPENING, title="another word for it"))
    assert again == first


def test_detection_and_containment_are_counted_from_their_own_beginnings(
    connection: Connection,
) -> None:
    heard, stopped = AT + timedelta(seconds=3), AT + timedelta(seconds=3.5)
    opening = replace(OPENING, detected_at=heard, contained_at=stopped)
    found = incidents.open_incident(connection, opening)
    assert (found.detection_seconds, found.containment_seconds) == (3.0, 0.5)
    incidents.set_contained(connection, found.id, AT + timedelta(hours=1))
    assert incidents.about(connection, "episode-1") == found, "the first time counts"


def test_a_question_is_asked_until_the_incident_is_closed_and_never_after(
    connection: Connection,
) -> None:
    opened = incidents.open_incident(connection, OPENING)
    incidents.ask(connection, opened.id, "who?")
    assert [one.status for one in incidents.not_closed(connection)] == ["asking"]
    incidents.close(connection, opened.id, "nobody")
    incidents.ask(connection, opened.id, "why?")
    closed = incidents.find(connection, opened.id)
    assert closed is not None
    assert (closed.status, closed.outcome, closed.question) == ("closed", "nobody", "who?")
    assert not incidents.not_closed(connection)


def test_an_entry_of_the_timeline_is_written_once_and_never_changed(
    connection: Connection, operations_database: OperationsDatabase
) -> None:
    opened = incidents.open_incident(connection, OPENING)
    incidents.note(connection, opened.id, "opened", "first")
    incidents.note(connection, opened.id, "opened", "again")
    incidents.note(connection, opened.id, "closed", "last", {"seconds": 3})
    connection.commit()
    assert [one.words for one in incidents.timeline(connection, opened.id)] == ["first", "last"]
    owner_dsn = operations_database.owner_dsn.get_secret_value()
    with psycopg.connect(owner_dsn) as owner, pytest.raises(psycopg.Error, match="append-only"):
        owner.execute("UPDATE incident_timeline SET words = 'never happened'")


def test_a_confirmed_protection_is_not_forgotten_for_a_later_unconfirmed_one(
    connection: Connection,
) -> None:
    held = replace(
        EPISODE, protection="halt", protected_at=AT, protection_held=True, protection_said="halted"
    )
    later = AT + timedelta(minutes=5)
    alert_inbox.receive(connection, replace(EPISODE, protection="halt"))
    alert_inbox.receive(connection, held)
    alert_inbox.receive(
        connection,
        replace(held, protected_at=later, protection_held=False, protection_said="not seen"),
    )
    found = alert_inbox.find(connection, "episode-1")
    assert found is not None
    assert (found.protected_at, found.protection_held, found.protection_said) == (
        *(AT, True, "halted"),
    )
    assert found.notified == 3


def test_the_first_end_of_an_episode_is_its_end(connection: Connection) -> None:
    ended = AT + timedelta(minutes=1)
    for one in (EPISODE, replace(EPISODE, resolved_at=ended), EPISODE):
        alert_inbox.receive(connection, one)
    found = alert_inbox.find(connection, "episode-1")
    assert found is not None
    assert found.resolved_at == ended
    assert not alert_inbox.firing(connection)
