"""hosts.toml says where services run; what is wrong in it is named by file and field."""

from pathlib import Path

import pytest

from infra.hosts import FILE, read_hosts
from trading_core.errors import ConfigurationError
from trading_core.settings import Settings

HOST_KEY = "ssh-ed25519 " + "A" * 68


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    (tmp_path / "key").touch(mode=0o600)
    return Settings(state_dir=tmp_path, host="10.0.0.1", hosts={"market_data": "10.0.0.2"})


def write(settings: Settings, **differently: str) -> None:
    fields = {
        "address": '"10.0.0.2"',
        "user": '"trading"',
        "key_file": '"key"',
        "host_key": f'"{HOST_KEY}"',
        "services": '["market_data"]',
    } | differently
    lines = [f"{name} = {value}" for name, value in fields.items() if value]
    (settings.root / FILE).write_text("[hosts.one]\n" + "\n".join(lines))


def test_without_the_file_there_are_no_hosts(settings: Settings) -> None:
    assert read_hosts(settings) == ()


def test_a_host_is_read(settings: Settings) -> None:
    write(settings)
    (host,) = read_hosts(settings)
    assert (host.name, host.address, host.services) == ("one", "10.0.0.2", ("market_data",))
    assert (host.door.user, host.door.port) == ("trading", 22)
    assert host.door.key_file == settings.root / "key"


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"address": '"nowhere"'}, "hosts.one.address"),
        ({"address": ""}, "hosts.one.address: Field required"),
        ({"port": "0"}, "hosts.one.port"),
        ({"user": '"Root!"'}, "hosts.one.user"),
        ({"host_key": '"ssh-rsa AAAA"'}, "hosts.one.host_key"),
        ({"hostkey": '"x"'}, "hosts.one.hostkey"),
        ({"key_file": '"missing"'}, "hosts.one.key_file: expected a private key, found no file"),
        ({"services": '["redis"]'}, r"hosts.one.services: expected some of .*, was 'redis'"),
        ({"services": "1"}, "hosts.one.services"),
        ({"address": "'10.0.0"}, "expected TOML"),
    ],
)
def test_a_wrong_field_is_named(settings: Settings, wrong: dict[str, str], named: str) -> None:
    write(settings, **wrong)
    with pytest.raises(ConfigurationError, match=f"{FILE}.*{named}"):
        read_hosts(settings)


def test_a_key_that_others_can_read_is_refused(settings: Settings) -> None:
    write(settings)
    (settings.root / "key").chmod(0o644)
    with pytest.raises(ConfigurationError, match="readable by its owner only"):
        read_hosts(settings)


def test_a_place_the_others_do_not_know_is_refused_with_the_setting_to_make(
    settings: Settings,
) -> None:
    write(settings, services='["market_data", "trade_executor"]')
    wanted = 'TRADEOPS_HOSTS=\'{"market_data": "10.0.0.2", "trade_executor": "10.0.0.2"}\''
    with pytest.raises(ConfigurationError) as refused:
        read_hosts(settings)
    assert wanted in str(refused.value)


def test_one_service_has_one_place(settings: Settings) -> None:
    write(settings)
    text = (settings.root / FILE).read_text()
    (settings.root / FILE).write_text(text + "\n" + text.replace("hosts.one", "hosts.two"))
    with pytest.raises(ConfigurationError, match="market_data is on one already"):
        read_hosts(settings)
