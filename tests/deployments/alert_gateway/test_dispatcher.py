"""One run for one episode, whoever is away meanwhile; and incidents hear when their alert ends."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from deployments.alert_gateway.dispatcher import Dispatcher, backoff
from deployments.orchestrator import Orchestrator
from tests.fakes.prefect_api import FakePrefect
from tests.fix_postgres import OperationsDatabase
from trading_core.clock import seconds
from trading_core.metrics import Metrics
from trading_core.storage.connect import Database
from trading_core.storage.operations import alert_inbox, incidents
from trading_core.storage.operations.alert_inbox import Episode
from trading_core.storage.operations.incidents import Opening

AT = datetime(2026, 11, 20, 10, 56, 59, tzinfo=UTC)


@pytest.fixture
def operations(operations_database: OperationsDatabase) -> Iterator[Database]:
    with Database(operations_database.app_dsn, application="tests") as one:
        yield one


@pytest.fixture
def prefect() -> FakePrefect:
    return FakePrefect(service_crashed=("service", "alert", "dry_run", "requested_by"))


@pytest.fixture
def dispatcher(operations: Database, prefect: FakePrefect) -> Dispatcher:
    server = Orchestrator("http://prefect/api", transport=prefect.transport())
    return Dispatcher(operations, server, Metrics())


def receive(operations: Database, **changed: object) -> str:
    labels = {"service": "gateway", "instance": "a:1"}
    one = Episode("ServiceDown/aa/1", "ServiceDown", "service-crashed", "P0", labels, {}, AT, AT)
    one = Episode(**{**{f: getattr(one, f) for f in one.__slots__}, **changed})
    with operations.transaction() as connection:
        alert_inbox.receive(connection, one)
    return one.episode


def found(operations: Database, episode: str) -> Episode:
    with operations.transaction() as connection:
        one = alert_inbox.find(connection, episode)
    assert one is not None
    return one


def make_due(database: OperationsDatabase) -> None:
    with psycopg.connect(database.owner_dsn.get_secret_value()) as connection:
        connection.execute("UPDATE alert_episodes SET next_attempt_at = clock_timestamp()")


def test_a_run_gets_the_episode_and_the_labels_it_has_words_for(
    operations: Database, dispatcher: Dispatcher, prefect: FakePrefect
) -> None:
    episode = receive(operations)

    dispatcher.start_runs()

    (run,) = prefect.runs.values()
    assert run["parameters"] == {
        "service": "gateway",
        "alert": episode,
        "requested_by": "alert-gateway",
    }
    assert found(operations, episode).run_id == run["id"]


def test_an_episode_has_one_run_even_when_its_start_was_not_written_down(
    operations: Database,
    dispatcher: Dispatcher,
    prefect: FakePrefect,
    operations_database: OperationsDatabase,
) -> None:
    receive(operations)
    dispatcher.start_runs()
    with psycopg.connect(operations_database.owner_dsn.get_secret_value()) as connection:
        connection.execute("UPDATE alert_episodes SET run_id = NULL")  # as if killed in between

    dispatcher.start_runs()
    dispatcher.start_runs()

    assert list(prefect.runs) == ["service-crashed/ServiceDown/aa/1"]


def test_with_prefect_away_the_run_is_started_once_it_is_back(
    operations: Database,
    dispatcher: Dispatcher,
    prefect: FakePrefect,
    operations_database: OperationsDatabase,
) -> None:
    prefect.away = True
    episode = receive(operations)
    dispatcher.start_runs()
    assert "503" in found(operations, episode).trouble

    prefect.away = False
    dispatcher.start_runs()
    assert not prefect.runs, "it waits before it tries again"
    make_due(operations_database)
    dispatcher.start_runs()

    assert len(prefect.runs) == 1
    assert found(operations, episode).trouble == ""


def test_people_are_told_of_an_alert_whose_runbook_is_not_there(
    operations: Database, dispatcher: Dispatcher
) -> None:
    episode = receive(operations, runbook="no-such-runbook", protection_said="trading halted")

    dispatcher.start_runs()

    with operations.transaction() as connection:
        row = connection.execute("SELECT words FROM notices WHERE thread = %s", [episode])
        ((words,),) = row.fetchall()
    assert "no-such-runbook could not be started" in words
    assert words.endswith("trading halted")


def test_an_alert_without_a_runbook_starts_nothing(
    operations: Database, dispatcher: Dispatcher, prefect: FakePrefect
) -> None:
    receive(operations, runbook="")

    dispatcher.start_runs()

    assert not prefect.runs


def test_the_end_of_an_alert_is_told_to_its_incident_once(
    operations: Database, dispatcher: Dispatcher
) -> None:
    episode = receive(operations)
    opening = Opening(episode, "service-crashed", "gateway does not answer", "P0", AT, AT)
    with operations.transaction() as connection:
        incident = incidents.open_incident(connection, opening)

    dispatcher.tell_resolutions()
    receive(operations, resolved_at=AT + seconds(20))
    dispatcher.tell_resolutions()
    dispatcher.tell_resolutions()

    with operations.transaction() as connection:
        told = [line.words for line in incidents.timeline(connection, incident.id)]
    assert told == ["the alert ServiceDown ended after 20 s"]


def test_waiting_grows_to_a_quarter_of_a_minute() -> None:
    waits = [backoff(attempts) for attempts in range(20)]

    assert waits[0] == timedelta(seconds=0.5)
    assert waits == sorted(waits)
    assert waits[-1] == timedelta(seconds=15)
