"""How old each secret is, and what renews it."""

import os
from datetime import timedelta
from pathlib import Path

import pytest
from pydantic import SecretStr

from infra.embedded import secrets
from infra.secret_store import open_store
from tasks.kernel import Run, Verdict
from tasks.security.ages import check_secret_ages, notify_credentials, secrets_of
from trading_core.access.api_token import Scope
from trading_core.access.issuing import Wanted, issue
from trading_core.clock import SystemClock
from trading_core.secret_store.contract import Stage
from trading_core.settings import Settings
from trading_core.storage.connect import Database

NOW = SystemClock().now()


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    one = Settings(state_dir=tmp_path)
    secrets.write(one.secrets_dir, "slack_token", "xoxb-something-long")
    secrets.write(one.secrets_dir, "broker_key", "{}")
    secrets.write(one.secrets_dir, "broker_key_id", "PK1")
    return one


def written(settings: Settings, name: str, days_ago: float) -> None:
    at = (NOW - timedelta(days=days_ago)).timestamp()
    os.utime(settings.secrets_dir / name, (at, at))


@pytest.mark.parametrize(
    ("days", "verdict"), [(74, Verdict.PASS), (76, Verdict.WARN), (91, Verdict.FAIL)]
)
def test_the_oldest_secret_decides_and_the_line_says_what_renews_it(
    settings: Settings, days: float, verdict: Verdict
) -> None:
    written(settings, "broker_key", days)
    written(settings, "broker_key_id", 500)  # the name of a key, which is no secret
    found = check_secret_ages.fn(settings)
    assert (found.verdict, found.limit, found.unit) == (verdict, 90, " days")
    assert found.value == pytest.approx(days, abs=0.1)
    assert verdict is Verdict.PASS or "run rotate-broker-key" in found.found


def test_a_secret_whose_file_was_written_anew_is_as_old_as_the_store_says(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = open_store(settings)
    store.put("broker_key", "v" * 32, SecretStr("{}"), Stage.CURRENT)
    later = NOW + timedelta(days=100)
    os.utime(settings.secrets_dir / "broker_key", (later.timestamp(), later.timestamp()))
    monkeypatch.setattr(SystemClock, "now", lambda _self: later)
    ages = {one.name: one.age_days(later) for one in secrets_of(settings, store)}
    assert ages["broker_key"] == pytest.approx(100, abs=0.1)


def test_without_secrets_nothing_is_known(tmp_path: Path) -> None:
    assert check_secret_ages.fn(Settings(state_dir=tmp_path)).verdict is Verdict.UNKNOWN


def test_every_credential_is_counted_and_those_due_now(
    run: Run, settings: Settings, operations: Database
) -> None:
    with operations.transaction() as connection:
        issue(connection, Wanted("pager", frozenset({Scope.HALT}), 7), NOW, "tests")
    assert notify_credentials.fn(settings, operations) == "3 credentials, 0 to renew now"
    written(settings, "slack_token", 91)
    assert notify_credentials.fn(settings, operations) == "3 credentials, 1 to renew now"
