"""Which alerts cried wolf and which nobody heard, from the episodes a gateway really keeps."""

from datetime import datetime, timedelta
from pathlib import Path

import pytest

from tasks.incidents.alert_review import (
    check_noisy_alerts,
    check_silent_rules,
    check_unattended_alerts,
    records_of,
)
from tasks.kernel import Verdict
from tests.fix_postgres import free_port
from trading_core.clock import SystemClock
from trading_core.errors import Unreachable
from trading_core.settings import Settings
from trading_core.storage.connect import Database
from trading_core.storage.operations import alert_inbox, incidents
from trading_core.storage.operations.alert_inbox import Episode
from trading_core.storage.operations.incidents import Opening

NOW = SystemClock().now()


def fired(
    operations: Database,
    name: str,
    hours_ago: float,
    minutes: float | None = 10,
    severity: str = "warning",
    protected: datetime | None = None,
) -> str:
    starts = NOW - timedelta(hours=hours_ago)
    episode = Episode(
        *(f"{name}/{hours_ago}", name, "", severity, {}, {}, starts, starts),
        protected_at=protected,
        protection_held=protected is not None,
        resolved_at=None if minutes is None else starts + timedelta(minutes=minutes),
    )
    with operations.transaction() as connection:
        alert_inbox.receive(connection, episode)
    return episode.episode


def test_one_that_fires_often_for_nothing_is_noisy_and_one_that_is_acted_on_is_not(
    operations: Database,
) -> None:
    for hours in (1, 2, 3):
        fired(operations, "Noisy", hours)
        fired(operations, "Useful", hours, protected=NOW)
    fired(operations, "Watchdog", 1, severity="none")
    fired(operations, "Rare", 4)
    fired(operations, "Noisy", 24 * 40)  # longer ago than is looked at
    records = {one.name: one for one in records_of(operations, 31)}
    assert {name: (one.fired, one.unattended) for name, one in records.items()} == {
        "Noisy": (3, 3),
        "Useful": (3, 0),
        "Rare": (1, 1),
    }
    found = check_noisy_alerts.fn(operations, 31)
    assert (found.verdict, found.value) == (Verdict.WARN, 1)
    assert "Noisy fired 3 times, 3 unattended, mostly 10 min" in found.found


def test_one_that_is_over_before_anybody_comes_is_told(operations: Database) -> None:
    for hours in (1, 2, 3):
        fired(operations, "Flapping", hours, minutes=0.5, protected=NOW)
    assert check_noisy_alerts.fn(operations, 31).verdict is Verdict.WARN
    [record] = records_of(operations, 31)
    assert record.is_brief
    assert not record.is_noisy


def test_an_episode_with_an_incident_was_acted_on(operations: Database) -> None:
    assert check_unattended_alerts.fn(operations, 31).verdict is Verdict.PASS
    episode = fired(operations, "Down", 1, severity="critical", minutes=None)
    found = check_unattended_alerts.fn(operations, 31)
    assert (found.verdict, found.found) == (
        Verdict.FAIL,
        "1 of 1 critical firings unattended: Down 1",
    )
    with operations.transaction() as connection:
        opening = Opening(episode, "service-crashed", "down", "P0", NOW, NOW)
        incidents.open_incident(connection, opening)
    assert check_unattended_alerts.fn(operations, 31).verdict is Verdict.PASS
    [record] = records_of(operations, 31)
    assert record.fires
    assert record.longest >= timedelta(minutes=59)


def test_rules_that_nobody_can_be_asked_about_are_not_green(
    tmp_path: Path, operations: Database
) -> None:
    settings = Settings(state_dir=tmp_path, ports={"prometheus": free_port()})
    with pytest.raises(Unreachable):
        check_silent_rules.fn(settings, operations, 31)
