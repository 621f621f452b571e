"""What others could reach or read: real sockets, real files, real logs."""

import os
import socket
from pathlib import Path

import pytest

from infra.embedded import secrets
from tasks.kernel import Verdict
from tasks.security.exposure import (
    check_listening,
    check_logs_hold_no_secret,
    check_secret_files,
)
from trading_core.access.api_token import ApiToken
from trading_core.settings import Settings


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A directory of secret files as the stack makes it."""
    directory = tmp_path / "secrets"
    secrets.ensure(directory, "redis_password")
    secrets.write(directory, "trading_dsn", "postgresql://app:pass-word-of-app@127.0.0.1:1/trading")
    return directory


@pytest.fixture
def logs(tmp_path: Path) -> Path:
    directory = tmp_path / "logs"
    directory.mkdir()
    (directory / "empty.log").touch()
    (directory / "gateway.log").write_text("all is well\n")
    return directory


def open_on(host: str) -> tuple[socket.socket, int]:
    listener = socket.socket()
    listener.bind((host, 0))
    listener.listen()
    return listener, listener.getsockname()[1]


def test_a_service_of_ours_that_listens_to_everybody_is_red(tmp_path: Path) -> None:
    listener, port = open_on("0.0.0.0")
    with listener:
        settings = Settings(state_dir=tmp_path, ports={"gateway": port})
        found = check_listening.fn(settings)
        allowed = check_listening.fn(settings.model_copy(update={"open_ports": (port,)}))
        assert (found.verdict, found.unit) == (Verdict.FAIL, " sockets")
        assert f"gateway on 0.0.0.0:{port}" in str(found.evidence)
        assert allowed.verdict is not Verdict.FAIL


def test_one_on_loopback_or_meant_for_the_network_is_not(tmp_path: Path) -> None:
    listener, port = open_on("127.0.0.1")
    with listener:
        found = check_listening.fn(Settings(state_dir=tmp_path, ports={"gateway": port}))
        assert str(port) not in str(found.evidence)
    listener, port = open_on("0.0.0.0")
    with listener:
        meant = Settings(state_dir=tmp_path, ports={"gateway": port}, host="192.0.2.7")
        assert str(port) not in str(check_listening.fn(meant).evidence)


def test_a_strangers_socket_is_told(tmp_path: Path) -> None:
    listener, port = open_on("0.0.0.0")
    with listener:
        found = check_listening.fn(Settings(state_dir=tmp_path))
        assert found.verdict is Verdict.WARN
        assert f"no service of ours on 0.0.0.0:{port}" in str(found.evidence)


def test_a_secret_that_others_may_read_is_red_whatever_lies_around_it(home: Path) -> None:
    assert check_secret_files.fn([home]).verdict is Verdict.PASS
    (home / "redis_password").chmod(0o640)
    (home / "elsewhere").symlink_to("/etc/hostname")
    found = check_secret_files.fn([home])
    assert (found.verdict, found.value, found.limit) == (Verdict.FAIL, 2, 0)
    assert "secrets/redis_password has mode 0640" in found.found


def test_an_open_directory_is_red_and_a_missing_one_unknown(home: Path, tmp_path: Path) -> None:
    home.chmod(0o755)
    assert "secrets has mode 0755" in check_secret_files.fn([home]).found
    assert check_secret_files.fn([tmp_path / "none"]).verdict is Verdict.UNKNOWN


def test_a_password_in_a_log_is_found_by_its_name_and_not_shown(home: Path, logs: Path) -> None:
    assert check_logs_hold_no_secret.fn(logs, [home]).verdict is Verdict.PASS
    (logs / "gateway.log").write_bytes(os.urandom(5000) + b"login with pass-word-of-app failed\n")
    found = check_logs_hold_no_secret.fn(logs, [home])
    assert (found.verdict, found.value) == (Verdict.FAIL, 1)
    assert found.found == "the value of trading_dsn in gateway.log"
    assert "pass-word-of-app" not in str(found)


@pytest.mark.parametrize(
    ("line", "kind"),
    [
        (ApiToken.new().text, "a token of the control API"),
        ("tradeops1." + "A" * 43, "a personal token"),
        ("xoxb-" + "1" * 20, "a Slack token"),
        ("key AKIA" + "B" * 16, "an AWS access key"),
        ("-----BEGIN OPENSSH PRIVATE KEY-----", "a private key"),
        ("postgresql://somebody:secret@db:5432/x", "a DSN with its password"),
    ],
)
def test_what_looks_like_a_secret_is_found(home: Path, logs: Path, line: str, kind: str) -> None:
    (logs / "worker.log.1").write_text(f"starting\n{line}\n")
    assert check_logs_hold_no_secret.fn(logs, [home]).found == f"{kind} in worker.log.1"


def test_a_dsn_whose_password_is_left_out_is_no_secret(home: Path, logs: Path) -> None:
    (logs / "worker.log").write_text("postgresql://somebody:***@db:5432/x and postgresql://db/x\n")
    assert check_logs_hold_no_secret.fn(logs, [home]).verdict is Verdict.PASS


def test_without_logs_or_secrets_nothing_is_known(home: Path, tmp_path: Path) -> None:
    (tmp_path / "nothing").mkdir()
    found = check_logs_hold_no_secret.fn(tmp_path / "nothing", [home])
    assert found.verdict is Verdict.UNKNOWN
