"""A host is given what its services need, as seen from there, and no secret beside."""

from pathlib import Path

import pytest

from infra.hosts import Host
from infra.ssh import Door
from infra.systemd.provision import environment, wanted_files
from infra.systemd.units import ORDINARY
from trading_core import halt_request
from trading_core.errors import ConfigurationError
from trading_core.halt_request import HaltRequest
from trading_core.settings import Settings

HOST = Host("one", Door("one", "10.0.0.2", 22, "trading", Path("key"), ""), ("trade_executor",))
SECRETS = "/var/lib/tradeops/secrets/"
ALL = (
    *("control_token", "trading_dsn", "operations_dsn", "broker_key_id", "broker_secret_key"),
    *("superuser_dsn", "owner_dsn", "prefect_dsn", "redis_password", "aws_secret_access_key"),
)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    one = Settings(state_dir=tmp_path, host="10.0.0.1", hosts={"trade_executor": "10.0.0.2"})
    one.secrets_dir.mkdir()
    for name in ALL:
        (one.secrets_dir / name).write_text(f"value of {name}\n")
    return one


def secrets_for(settings: Settings, name: str) -> set[str]:
    files = wanted_files(settings, HOST, ORDINARY, name)
    assert all(file.mode == 0o600 for path, file in files.items() if path.startswith(SECRETS))
    return {path.removeprefix(SECRETS) for path in files if path.startswith(SECRETS)}


def test_a_service_gets_the_secrets_of_its_row_and_no_others(settings: Settings) -> None:
    broker = {"broker_key_id", "broker_secret_key"}
    common = {"control_token", "trading_dsn"}
    assert secrets_for(settings, "trade_executor") == common | broker | {"operations_dsn"}
    assert secrets_for(settings, "market_data") == common | broker | {"redis_password"}
    assert secrets_for(settings, "risk_manager") == common


def test_a_secret_is_not_shown(settings: Settings) -> None:
    files = wanted_files(settings, HOST, ORDINARY, "trade_executor")
    assert "value of" not in repr(files)


def test_a_service_there_listens_on_its_host_and_finds_the_others_here(settings: Settings) -> None:
    words = environment(settings, HOST, ORDINARY)
    assert "TRADEOPS_HOST=10.0.0.2\n" in words
    assert '"paper_exchange": "10.0.0.1"' in words
    assert "trade_executor" not in words
    assert "TRADEOPS_STATE_DIR=/var/lib/tradeops\n" in words


def test_a_stack_on_loopback_cannot_have_hosts(settings: Settings) -> None:
    hidden = Settings(state_dir=settings.root, hosts={"trade_executor": "10.0.0.2"})
    with pytest.raises(ConfigurationError, match=r"host one: expected to reach .*on 127.0.0.1"):
        environment(hidden, HOST, ORDINARY)


def test_a_halt_that_waits_goes_with_the_executor(settings: Settings) -> None:
    there = str(halt_request.path_of(ORDINARY.state))
    assert there not in wanted_files(settings, HOST, ORDINARY, "trade_executor")
    halt_request.leave(settings.root, HaltRequest("fire", "on-call"))
    assert "fire" in wanted_files(settings, HOST, ORDINARY, "trade_executor")[there].content
    assert there not in wanted_files(settings, HOST, ORDINARY, "market_data")
