"""Only the right host is spoken to, over one quick connection; silence is told as silence."""

from pathlib import Path

import paramiko
import pytest

from infra.lab.host import LabHost
from infra.ssh import Ssh
from tests.fix_lab import door_of
from tests.fix_postgres import free_port
from trading_core.clock import poll, seconds, stopwatch_seconds
from trading_core.errors import CheckFailed, ConfigurationError, Unreachable

pytestmark = pytest.mark.lab


@pytest.fixture
def ssh(host: LabHost) -> Ssh:
    """A connection that is not made yet."""
    return Ssh(door_of(host), connect_within_seconds=1)


def test_a_command_says_what_it_said_and_how_it_ended(ssh: Ssh) -> None:
    with ssh:
        answer = ssh.run("sh", "-c", "echo out; echo err >&2; exit 3")
        assert (answer.code, answer.out, answer.err) == (3, "out\n", "err\n")
        assert ssh.run("cat", text="through").out == "through"
        assert ssh.check("echo", "two words; $(and) 'quotes'") == "two words; $(and) 'quotes'\n"
        with pytest.raises(CheckFailed, match=r"one: false: expected exit code 0, was 1"):
            ssh.check("false")


def test_the_connection_is_kept(ssh: Ssh, host: LabHost) -> None:
    with ssh:
        ports = {ssh.check("sh", "-c", "echo $SSH_CLIENT") for _ in range(3)}
    assert len(ports) == 1


def test_a_file_is_there_whole_and_for_its_owner_only(ssh: Ssh) -> None:
    with ssh:
        ssh.write("/root/a-secret", "s3cret\n", 0o600)
        assert ssh.check("stat", "-c", "%a", "/root/a-secret") == "600\n"
        assert ssh.check("cat", "/root/a-secret") == "s3cret\n"
        with pytest.raises(CheckFailed, match="expected to write /no/such/place"):
            ssh.write("/no/such/place", "", 0o600)


def test_a_host_with_another_key_is_not_spoken_to(host: LabHost) -> None:
    mine = paramiko.Ed25519Key.from_private_key_file(str(host.key_file))
    door = door_of(host, host_key=f"ssh-ed25519 {mine.get_base64()}")

    with pytest.raises(CheckFailed, match="expected the host key ssh-ed25519") as refused:
        Ssh(door).run("touch", "/root/was-here")

    assert "installed anew or is another one" in refused.value.next_step
    with Ssh(door_of(host)) as ssh:
        assert ssh.run("test", "-e", "/root/was-here").code == 1


def test_the_wrong_user_is_told_in_words(host: LabHost) -> None:
    with pytest.raises(CheckFailed, match=r"one \(nobody@.*\): expected to be let in with .*key"):
        Ssh(door_of(host, user="nobody")).run("true")


def test_a_closed_port_is_told_in_words(host: LabHost) -> None:
    port = free_port()
    with pytest.raises(Unreachable, match=rf"port {port}\): expected it to run true, was Conn"):
        Ssh(door_of(host, port=port)).run("true")


def test_a_key_file_that_is_none_is_named(host: LabHost, tmp_path: Path) -> None:
    (tmp_path / "key").write_text("not a key")
    with pytest.raises(ConfigurationError, match=f"in {tmp_path}/key"):
        Ssh(door_of(host, key_file=tmp_path / "key")).run("true")


def test_a_command_that_takes_too_long_is_given_up(ssh: Ssh) -> None:
    with ssh:
        began_seconds = stopwatch_seconds()
        with pytest.raises(Unreachable, match="expected it to run sleep, was no answer in time"):
            ssh.run("sleep", "30", within_seconds=0.5)
        assert stopwatch_seconds() - began_seconds < 10
        assert ssh.check("echo", "again") == "again\n"


def test_a_cut_cable_is_unreachable_and_heals(ssh: Ssh, host: LabHost) -> None:
    with ssh:
        ssh.check("true")
        host.cut()
        try:
            for _ in range(2):  # on the connection there was, and on a new one
                with pytest.raises(Unreachable, match=r"one .*: expected it to run true"):
                    ssh.run("true", within_seconds=1)
        finally:
            host.mend()
        assert poll(host.answers, within=seconds(10))
        ssh.check("true")
