"""Settings are read whole, refused when misspelt, and handed on unchanged."""

from pathlib import Path

import pytest

from trading_core.errors import ConfigurationError
from trading_core.settings import Settings


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("TRADEOPS_STATE_DIR", str(tmp_path))


def test_a_misspelt_variable_is_refused_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRADEOPS_PORT_OFSET", "5")
    with pytest.raises(ConfigurationError, match="TRADEOPS_PORT_OFSET"):
        Settings.read()


def test_a_value_out_of_bounds_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRADEOPS_PORT_OFFSET", "-1")
    with pytest.raises(ConfigurationError, match=r"port_offset|PORT_OFFSET"):
        Settings.read()


def test_a_port_for_a_service_that_does_not_exist_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("TRADEOPS_PORTS", '{"gatway": 9080}')
    with pytest.raises(ConfigurationError, match="gatway"):
        Settings.read()


def test_a_wrong_value_does_not_show_a_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRADEOPS_POSTGRES_DSN", "postgresql://root:hunter2@nowhere/x")
    monkeypatch.setenv("TRADEOPS_PORT_OFFSET", "many")
    with pytest.raises(ConfigurationError) as caught:
        Settings.read()
    assert "hunter2" not in str(caught.value)


def test_ports_are_the_tables_plus_the_offset_unless_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRADEOPS_PORT_OFFSET", "100")
    monkeypatch.setenv("TRADEOPS_PORTS", '{"gateway": 9080}')
    settings = Settings.read()
    assert settings.port("trade_executor") == 8104
    assert settings.url("api_gateway") == "http://127.0.0.1:9080"


def test_a_child_process_reads_the_same_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRADEOPS_PORT_OFFSET", "100")
    monkeypatch.setenv("TRADEOPS_PORTS", '{"gateway": 9080}')
    monkeypatch.setenv("TRADEOPS_DISK_USED_PERCENT_MAX", "91.5")
    settings = Settings.read()
    for name, value in settings.environment().items():
        monkeypatch.setenv(name, value)
    assert Settings.read() == settings


def test_a_secret_is_read_from_its_file_and_never_shown(tmp_path: Path) -> None:
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets" / "control_token").write_text("hunter2\n")
    settings = Settings.read()
    secret = settings.secret("control_token")
    assert secret.get_secret_value() == "hunter2"
    assert "hunter2" not in repr(secret)
    with pytest.raises(ConfigurationError, match="trading_dsn"):
        settings.secret("trading_dsn")
