"""What `up` does beside starting services, and what it says when one cannot stay up."""

import fcntl
import os
import sys
from pathlib import Path

import psycopg
import pytest
from pydantic import SecretStr

from infra.embedded import postgres, secrets, stack, stages
from infra.embedded.programs import Program
from infra.embedded.steps import carry_out
from infra.embedded.supervisor import Supervisor
from tests.fix_postgres import free_port
from trading_core.clock import poll, seconds
from trading_core.errors import CheckFailed, ConfigurationError, NotVerified
from trading_core.services import service
from trading_core.settings import Settings

DEATH = "import sys; print('the last words'); sys.exit(7)"


def test_a_given_postgresql_is_prepared_and_then_left_as_it_is(tmp_path: Path) -> None:
    with postgres.running(tmp_path / "given", free_port()) as given:
        settings = Settings(
            state_dir=tmp_path / "stack", postgres_dsn=SecretStr(given.superuser_dsn)
        )
        secrets.write(settings.secrets_dir, "superuser_dsn", given.superuser_dsn)
        for _ in range(2):
            steps = stages.steps(settings, Supervisor(settings.root), rows=())
            carry_out([s for s in steps if s.name in ("databases", "schema")], lambda _: None)
        with psycopg.connect(settings.secret("trading_dsn").get_secret_value()) as connection:
            stored = connection.execute("SELECT kind, name, version FROM config_versions")
            assert set(stored.fetchall()) == {
                ("risk_limits", "desk", 1),
                ("strategy", "sma_crossover", 1),
                ("strategy", "rsi_momentum", 1),
            }
        assert not (settings.root / "postgres").exists()


def test_a_service_that_ends_again_and_again_is_named_with_its_last_words(tmp_path: Path) -> None:
    supervisor = Supervisor(tmp_path)
    program = Program("redis", (sys.executable, "-c", DEATH))
    supervisor.start(supervisor.configuration([program], tmp_path, "test"), dict(os.environ))
    family = supervisor.family()
    try:
        # A port of its own: another stack's Redis would answer for the one that dies.
        settings = Settings(state_dir=tmp_path, ports={"redis": free_port()})
        steps = stages.steps(settings, supervisor, rows=[service("redis")])
        with pytest.raises(NotVerified, match=r"redis: expected it to stay up.*the last words"):
            carry_out(steps[:1], lambda _: None)
    finally:
        supervisor.shut_down()
        assert poll(lambda: not any(p.is_running() for p in family), within=seconds(20))


def test_two_that_work_on_one_stack_do_not_meet(tmp_path: Path) -> None:
    with (tmp_path / ".lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        with pytest.raises(CheckFailed, match="is working on"):
            stack.down(Settings(state_dir=tmp_path), lambda _: None)


def test_a_brokers_keys_are_not_invented(tmp_path: Path) -> None:
    settings = Settings(state_dir=tmp_path, trading_endpoint="http://127.0.0.1:1")
    with pytest.raises(ConfigurationError, match="secret broker_key_id: expected a readable file"):
        stack.up(settings, lambda _: None)
    assert not (tmp_path / "supervisor").exists()
