"""What a lab host does before its systemd begins: mounts, first installation, then `exec`.

Runs as process 1 of new namespaces: `python -m infra.lab.boot HOME NAME`. It says "mounted" on its
standard output, waits for the network, which its maker lays, and becomes systemd.
"""

import os
import socket
import subprocess
import sys
from pathlib import Path

import infra
from infra.lab.needs import find, systemd

_PROJECT = Path(infra.__file__).parent.parent
_DEVICES = ("null", "zero", "full", "random", "urandom", "tty")
_INSTALLED = "etc/tradeops-lab"
# Nothing of this machine's own units is started: the host knows these and what is put beside them.
_UNITS = {
    "sysinit.target": "[Unit]\nDefaultDependencies=no\n",
    "basic.target": "[Unit]\nDefaultDependencies=no\n",
    "shutdown.target": "[Unit]\nDefaultDependencies=no\n",
    "network-online.target": "[Unit]\nDefaultDependencies=no\n",
    "lab.target": "[Unit]\nDefaultDependencies=no\nWants=network-online.target sshd.service\n",
    "sshd.service": """[Unit]
Description=The way into this host

[Service]
ExecStart={sshd} -D -e
RuntimeDirectory=sshd
# Stopping sshd must not end what somebody started through it.
KillMode=process
Restart=always
RestartSec=1
StandardError=append:/var/log/sshd.log
""",
}
_SSHD_CONFIG = """HostKey /etc/ssh/ssh_host_ed25519_key
PasswordAuthentication no
PermitRootLogin prohibit-password
UsePAM no
UseDNS no
PrintMotd no
Subsystem sftp internal-sftp
"""


def main() -> None:
    """Become the host."""
    home, name = Path(sys.argv[1]), sys.argv[2]
    socket.sethostname(name)
    root = _mount(home)
    if not (root / _INSTALLED).exists():
        _install(home, root, name)
    os.write(1, b"mounted\n")
    sys.stdin.readline()
    _become_systemd(home, root)


def _mount(home: Path) -> Path:
    """Put the host's file system together; nothing of it is seen outside."""
    disk, root = home / "disk", home / "disk" / "root"
    _run("mount", "--make-rprivate", "/")
    layers = f"lowerdir=/,upperdir={disk / 'upper'},workdir={disk / 'work'}"
    _run("mount", "-t", "overlay", "-o", layers, "overlay", str(root))
    _run("mount", "-t", "proc", "proc", str(root / "proc"))
    _run("mount", "-t", "sysfs", "-o", "ro", "sysfs", str(root / "sys"))
    _run("mount", "-t", "tmpfs", "tmpfs", str(root / "sys/fs/cgroup"))
    _run("mount", "-t", "cgroup2", "cgroup2", str(root / "sys/fs/cgroup"))
    for place in ("run", "tmp", "dev"):
        _run("mount", "-t", "tmpfs", "-o", "mode=0755", "tmpfs", str(root / place))
    (root / "tmp").chmod(0o1777)
    for device in _DEVICES:
        (root / "dev" / device).touch()
        _run("mount", "--bind", f"/dev/{device}", str(root / "dev" / device))
    for place in ("pts", "shm"):
        (root / "dev" / place).mkdir()
    _run("mount", "-t", "devpts", "-o", "newinstance,ptmxmode=0666", "devpts", f"{root}/dev/pts")
    (root / "dev/ptmx").symlink_to("pts/ptmx")
    for directory in (_PROJECT, Path(sys.prefix), Path(sys.base_prefix)):
        _show(root, directory)
    return root


def _show(root: Path, directory: Path) -> None:
    """Let the host see a directory that a mount of its own, or one of this machine's, hides."""
    seen = root / directory.relative_to("/")
    if not seen.exists():
        seen.mkdir(parents=True)
        _run("mount", "--bind", str(directory), str(seen))
        _run("mount", "-o", "remount,bind,ro", str(seen))


def _install(home: Path, root: Path, name: str) -> None:
    """Write what makes this host another machine than the one it is on."""
    units = root / "etc/systemd/system"
    _run("rm", "-rf", str(units), str(root / "root/.ssh"))
    units.mkdir(parents=True)
    for unit, text in _UNITS.items():
        (units / unit).write_text(text.replace("{sshd}", find("sshd") or "sshd"))
    keys = root / "root/.ssh"
    keys.mkdir(mode=0o700)
    (keys / "authorized_keys").write_text((home / "key.pub").read_text())
    _run("sh", "-c", f"rm -f {root}/etc/ssh/ssh_host_*")
    host_key = root / "etc/ssh/ssh_host_ed25519_key"
    _run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name, "-f", str(host_key))
    (home / "host_key.pub").write_text(host_key.with_suffix(".pub").read_text())
    (root / "etc/ssh/sshd_config").write_text(_SSHD_CONFIG)
    (root / "etc/hostname").write_text(f"{name}\n")
    (root / "etc/machine-id").write_text(f"{os.urandom(16).hex()}\n")
    # A login shell that reads no start-up files: a command costs milliseconds, not a tenth second.
    accounts = (root / "etc/passwd").read_text().splitlines()
    ours = [
        f"{line.rsplit(':', 1)[0]}:/bin/sh" if line[:5] == "root:" else line for line in accounts
    ]
    (root / "etc/passwd").write_text("\n".join(ours) + "\n")
    (root / _INSTALLED).write_text("made by infra.lab\n")


def _become_systemd(home: Path, root: Path) -> None:
    log = os.open(home / "boot.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    nothing = os.open(os.devnull, os.O_RDONLY)
    for source, target in ((nothing, 0), (log, 1), (log, 2)):
        os.dup2(source, target)
    os.chroot(root)
    os.chdir("/")
    environment = {
        "container": "tradeops-lab",
        "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        "SYSTEMD_UNIT_PATH": "/etc/systemd/system",
        "SYSTEMD_LOG_TARGET": "console",
        "SYSTEMD_LOG_LEVEL": "warning",
    }
    program = str(systemd())
    words = [program, "--system", "--unit=lab.target", "--show-status=no"]
    os.execve(program, words, environment)


def _run(*command: str) -> None:
    subprocess.run((find(command[0]) or command[0], *command[1:]), check=True)


if __name__ == "__main__":
    main()
