"""A lab host is a machine: it boots, keeps its disk, dies at once, and leaves nothing behind."""

import shutil
from pathlib import Path

import psutil
import pytest

from infra.lab import needs
from infra.lab.host import LabHost
from infra.lab.network import Network
from infra.ssh import Ssh
from tests.fix_lab import door_of, running_host
from trading_core.clock import poll, seconds
from trading_core.errors import CheckFailed, ConfigurationError

pytestmark = pytest.mark.lab


def test_it_is_a_machine_of_its_own_with_systemd(host: LabHost) -> None:
    with Ssh(door_of(host)) as ssh:
        assert ssh.check("hostname").strip() == host.name
        assert ssh.check("cat", "/proc/1/comm").strip() == "systemd"
        assert poll(
            lambda: ssh.run("systemctl", "is-system-running").out == "running\n", within=seconds(10)
        )
        processes = ssh.check("ps", "-e", "-o", "comm=").split()
    assert "python" not in processes, "it sees processes of this machine"


def test_a_power_cut_takes_every_process_and_leaves_the_disk(host: LabHost) -> None:
    with Ssh(door_of(host)) as ssh:
        ssh.check("sh", "-c", "echo kept > /var/lib/kept; nohup sleep 600 >/dev/null 2>&1 &")
    sleepers = [p for p in psutil.process_iter() if p.cmdline() == ["sleep", "600"]]
    assert len(sleepers) == 1
    key = host.host_key

    host.off()
    assert not host.is_up
    assert not sleepers[0].is_running()
    host.up()

    assert host.host_key == key
    with Ssh(door_of(host)) as ssh:
        assert ssh.check("cat", "/var/lib/kept") == "kept\n"


def test_with_the_cable_out_it_works_on_and_answers_nobody(host: LabHost) -> None:
    host.cut()
    try:
        assert not host.answers()
        assert host.inside("hostname").stdout.strip() == host.name
    finally:
        host.mend()
    assert poll(host.answers, within=seconds(10))


def test_what_it_writes_is_not_on_this_machine(host: LabHost, tmp_path: Path) -> None:
    written = Path("/var/lib/written-in-the-lab")
    host.inside("touch", str(written))
    assert host.inside("test", "-e", str(written)).returncode == 0
    assert not written.exists()


def test_down_leaves_nothing(lab: Network, tmp_path: Path) -> None:
    with running_host(lab, tmp_path / "lab", "gone") as host:
        assert Path(f"/sys/class/net/{lab.bridge}-gone").exists()
    assert not (tmp_path / "lab").exists()
    assert not Path(f"/sys/class/net/{lab.bridge}-gone").exists()
    assert not list(needs.cgroup2().glob(f"{lab.bridge}-gone*"))
    assert "lab/gone" not in Path("/proc/mounts").read_text()
    assert host.name not in [p.name() for p in psutil.process_iter()]


def test_what_is_missing_is_named_before_anything_is_made(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(needs, "find", lambda name: None if name == "sshd" else shutil.which(name))
    with pytest.raises(ConfigurationError, match=r"the program sshd \(package openssh-server"):
        LabHost("one", "10.77.0.2", tmp_path / "lab").up()
    assert not (tmp_path / "lab").exists()


def test_a_host_that_is_off_has_no_cable_to_cut(tmp_path: Path) -> None:
    with pytest.raises(CheckFailed, match="lab host one: expected it up, was off"):
        LabHost("one", "10.77.0.2", tmp_path).cut()
