"""Protect first, write down, then answer; each alert for itself, each episode once."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import psycopg
import pytest

from deployments.alert_gateway.app import alert_gateway_app
from deployments.alert_gateway.webhook import Delivery
from tests.deployments.alert_gateway.conftest import CONTROL_TOKEN
from tests.deployments.alert_gateway.deliveries import BEGUN, alert, delivery
from tests.fix_postgres import OperationsDatabase
from trading_core import halt_request
from trading_core.clock import poll, seconds
from trading_core.errors import ConfigurationError
from trading_core.settings import Settings
from trading_core.storage.connect import connect
from trading_core.storage.operations import alert_inbox
from trading_core.storage.operations.alert_inbox import Episode

LATER = "2026-11-20T10:58:00Z"


def episodes(database: OperationsDatabase) -> list[Episode]:
    with connect(database.app_dsn, application="tests") as connection:
        rows = connection.execute("SELECT episode FROM alert_episodes ORDER BY episode").fetchall()
        found = [alert_inbox.find(connection, name) for (name,) in rows]
    return [one for one in found if one is not None]


@contextmanager
def no_database(database: OperationsDatabase) -> Iterator[None]:
    """Let nobody in, and throw out whoever is in."""
    superuser_dsn = database.superuser_dsn.get_secret_value().replace(database.name, "postgres")
    with psycopg.connect(superuser_dsn, autocommit=True) as superuser:
        superuser.execute(f"ALTER DATABASE {database.name} ALLOW_CONNECTIONS false")
        superuser.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s",
            [database.name],
        )
        try:
            yield
        finally:
            superuser.execute(f"ALTER DATABASE {database.name} ALLOW_CONNECTIONS true")


def test_nobody_without_the_token_is_let_in(gateway: httpx.Client, settings: Settings) -> None:
    body = delivery(alert(protect="halt"))
    for login in ("", "Bearer wrong", f"Bearer {CONTROL_TOKEN}"):
        answer = gateway.post("/alertmanager", json=body, headers={"Authorization": login})
        assert answer.status_code == 401
    assert halt_request.pending(settings.root) is None


def test_an_alert_is_protected_against_and_kept(
    gateway: httpx.Client, settings: Settings, operations_database: OperationsDatabase
) -> None:
    answer = gateway.post("/alertmanager", json=delivery(alert(protect="halt", runbook="x")))

    assert (answer.status_code, answer.json()) == (200, {"episodes": 1})
    request = halt_request.pending(settings.root)
    assert request is not None
    assert request.reason == "alert: CircuitBreakerActive of a test"
    (kept,) = episodes(operations_database)
    assert kept.protected_at is not None
    assert not kept.protection_held, "no executor and no exchange answered: nothing is confirmed"
    assert (kept.runbook, kept.severity) == ("x", "P0")


def test_an_alert_that_wants_no_protection_halts_nothing(
    gateway: httpx.Client, settings: Settings
) -> None:
    gateway.post("/alertmanager", json=delivery(alert("ServiceDown"))).raise_for_status()

    assert halt_request.pending(settings.root) is None


def test_a_step_of_an_unknown_name_is_a_halt(gateway: httpx.Client, settings: Settings) -> None:
    gateway.post("/alertmanager", json=delivery(alert(protect="hlat"))).raise_for_status()

    assert halt_request.pending(settings.root) is not None


def test_without_the_database_trading_is_halted_all_the_same_and_the_delivery_comes_again(
    gateway: httpx.Client, settings: Settings, operations_database: OperationsDatabase
) -> None:
    body = delivery(alert(protect="halt"))
    with no_database(operations_database):
        answer = gateway.post("/alertmanager", json=body)

        assert answer.status_code == 503
        assert halt_request.pending(settings.root) is not None

    assert poll(
        lambda: gateway.post("/alertmanager", json=body).status_code == 200, within=seconds(20)
    )
    (kept,) = episodes(operations_database)
    assert kept.protected_at is not None, "what was done before is in the record"


def test_a_repeated_episode_is_one_row_and_another_start_is_another(
    gateway: httpx.Client, operations_database: OperationsDatabase
) -> None:
    for _ in range(3):
        gateway.post("/alertmanager", json=delivery(alert())).raise_for_status()
    gateway.post("/alertmanager", json=delivery(alert(begun=LATER))).raise_for_status()

    first, second = episodes(operations_database)
    assert (first.notified, second.notified) == (3, 1)


def test_an_alert_that_ended_inside_a_firing_group_ends_alone(
    gateway: httpx.Client, operations_database: OperationsDatabase
) -> None:
    here, there = {"fingerprint": "aaaa", "host": "one"}, {"fingerprint": "bbbb", "host": "two"}
    gateway.post("/alertmanager", json=delivery(alert(**here), alert(**there)))
    gateway.post("/alertmanager", json=delivery(alert(**here, ended=LATER), alert(**there)))

    first, second = episodes(operations_database)
    assert first.resolved_at is not None
    assert second.resolved_at is None


def test_a_delivery_of_another_shape_is_refused(gateway: httpx.Client) -> None:
    for wrong in ({}, {**delivery(alert()), "version": "3"}, delivery()):
        assert gateway.post("/alertmanager", json=wrong).status_code == 422


def test_the_dead_mans_switch_is_heard_and_never_kept(
    gateway: httpx.Client, operations_database: OperationsDatabase
) -> None:
    gateway.post("/alertmanager", json=delivery(alert("DeadMansSwitch"))).raise_for_status()

    heard = gateway.get("/health/detailed").json()["checks"]["alerting"]
    assert heard["ok"]
    assert not episodes(operations_database)


def test_people_are_told_once_when_nothing_is_heard_of_alerting(
    gateway: httpx.Client, operations_database: OperationsDatabase
) -> None:
    def told() -> list[tuple[str, ...]]:
        with connect(operations_database.app_dsn, application="tests") as connection:
            return connection.execute(
                "SELECT words FROM notices WHERE thread = 'alerting'"
            ).fetchall()

    assert poll(lambda: bool(told()), within=seconds(10))
    assert not gateway.get("/health/detailed").json()["checks"]["alerting"]["ok"]
    ((words,),) = told()
    assert words.startswith("P1 nothing was heard of alerting since")


def ask_for_test(gateway: httpx.Client) -> str:
    """Ask for the test `shift`; return the moment of asking, as its metric tells it."""
    control = {"Authorization": f"Bearer {CONTROL_TOKEN}"}
    gateway.post("/test-alerts", json={"test": "shift"}, headers=control).raise_for_status()
    told = re.findall(
        r'alert_test_requested{asked_at="([^"]+)",test="shift"} 1.0', gateway.get("/metrics").text
    )
    assert len(told) == 1, told
    return str(told[0])


def test_a_test_alert_is_a_metric_until_it_comes_back(gateway: httpx.Client) -> None:
    asked_at = ask_for_test(gateway)
    assert ask_for_test(gateway) == asked_at, "asking twice is asking once"
    assert gateway.get("/test-alerts/shift").json()["received_at"] is None

    body = delivery(alert("TestAlert", test="shift", asked_at=asked_at))
    gateway.post("/alertmanager", json=body).raise_for_status()

    assert gateway.get("/test-alerts/shift").json()["received_at"] is not None
    assert 'test="shift"' not in gateway.get("/metrics").text


def test_an_alert_left_over_of_an_earlier_asking_proves_nothing(gateway: httpx.Client) -> None:
    ask_for_test(gateway)

    left_over = alert("TestAlert", test="shift", asked_at=BEGUN)
    gateway.post("/alertmanager", json=delivery(left_over)).raise_for_status()

    assert gateway.get("/test-alerts/shift").json()["received_at"] is None


def test_an_episode_is_named_by_alert_fingerprint_and_start() -> None:
    one = Delivery.model_validate(delivery(alert(begun="2026-11-20T11:56:59.5+01:00"))).alerts[0]
    same = Delivery.model_validate(delivery(alert(ended=LATER))).alerts[0]

    assert one.episode == same.episode
    assert one.episode == "CircuitBreakerActive/23f1f7429f16fa7c/20261120T105659.500000Z"


def test_the_gateway_does_not_start_without_its_token(settings: Settings) -> None:
    (settings.secrets_dir / "alert_token").unlink()

    with pytest.raises(ConfigurationError, match="alert_token"):
        alert_gateway_app(settings)
