"""One lab host: its life from `up` to `down`, and what may happen to it in between."""

import json
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil

import infra
from infra.lab import needs
from infra.lab.network import DEFAULT, Network
from trading_core.clock import poll, seconds
from trading_core.errors import CheckFailed, ConfigurationError, NotVerified

PLACE = Path("/run/tradeops-lab")
SSH_PORT = 22
_NAME = re.compile("^[a-z][a-z0-9]{0,4}$")
_DISK_SIZE = "4g"
_UP_WITHIN = seconds(20)
_OFF_WITHIN = seconds(10)
_PROJECT = Path(infra.__file__).parent.parent


@dataclass(frozen=True, slots=True)
class LabHost:
    """A host by its name. Everything that is known of it lies under `home`, until `down`.

    Attributes:
        name: One to five small letters and digits.
        address: Of its end of the cable.
        place: Where the lab keeps its hosts.
    """

    name: str
    address: str
    place: Path = PLACE
    network: Network = DEFAULT

    @property
    def home(self) -> Path:
        """What this machine keeps of the host: its disk, its keys, its process."""
        return self.place / self.name

    @property
    def key_file(self) -> Path:
        """The private key that opens root's door."""
        return self.home / "key"

    @property
    def host_key(self) -> str:
        """The host's own public key, as in a known_hosts file: type and base64."""
        return " ".join((self.home / "host_key.pub").read_text().split()[:2])

    @property
    def is_up(self) -> bool:
        """Whether its power is on."""
        return self._process() is not None

    def up(self) -> None:
        """Turn its power on and wait until its sshd answers; a host that is up is left alone.

        Raises:
            ConfigurationError: This machine lacks something, or the name is not one.
            NotVerified: It did not come up; the fact ends with the end of its boot log.
        """
        needs.require_all()
        if not _NAME.match(self.name):
            raise ConfigurationError(
                f"lab: expected a name of 1 to 5 small letters and digits, was {self.name!r}",
                next_step="give the host another name",
            )
        if not self.is_up:
            self._clear()
            self._prepare()
            self._boot()
        if not poll(self.answers, within=_UP_WITHIN):
            raise NotVerified(
                f"lab host {self.name}: expected its sshd to answer on {self.address}, did not; "
                f"its log ends: {self._end_of_log()}",
                next_step=f"read {self.home / 'boot.log'}, then `python -m infra.lab down`",
            )

    def answers(self) -> bool:
        """Whether its sshd greets us."""
        try:
            with socket.create_connection((self.address, SSH_PORT), timeout=0.5) as link:
                return link.recv(4) == b"SSH-"
        except OSError:
            return False

    def off(self) -> None:
        """Cut its power: SIGKILL to its process 1, and with it the kernel ends all the others.

        Raises:
            NotVerified: Something of it is still there.
        """
        process = self._process()
        if process is not None:
            process.send_signal(signal.SIGKILL)
        self._clear()

    def cut(self) -> None:
        """Pull its network cable out. It goes on working and reaches nobody."""
        self._require_up()
        self.network.cut(self.name)

    def mend(self) -> None:
        """Put the cable back."""
        self._require_up()
        self.network.mend(self.name)

    def down(self) -> None:
        """Cut its power and throw away its disk, keys and records; nothing of it is left."""
        self.off()
        disk = self.home / "disk"
        if disk.is_mount():
            _run("umount", str(disk))
        _run("rm", "-rf", str(self.home))
        self.network.remove()
        if self.place.is_dir() and not any(self.place.iterdir()):
            self.place.rmdir()

    def inside(self, *command: str) -> subprocess.CompletedProcess[str]:
        """Run a command in the host by its console, as it were: the network takes no part."""
        process = self._require_up()
        enter = (needs.find("nsenter") or "nsenter", "--target", str(process.pid), "--all")
        root = f"--root=/proc/{process.pid}/root"
        return subprocess.run(
            (*enter, root, "--", *command), check=False, capture_output=True, text=True
        )

    def _prepare(self) -> None:
        self.home.mkdir(mode=0o700, parents=True, exist_ok=True)
        (self.home / "address").write_text(self.address)
        if not self.key_file.exists():
            _run(
                "ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "lab", "-f", str(self.key_file)
            )
        disk = self.home / "disk"
        disk.mkdir(exist_ok=True)
        if not disk.is_mount():
            _run("mount", "-t", "tmpfs", "-o", f"size={_DISK_SIZE},mode=0755", "tmpfs", str(disk))
        for part in ("upper", "work", "root"):
            (disk / part).mkdir(exist_ok=True)
        self._cgroup.mkdir(exist_ok=True)
        self.network.ensure()

    def _boot(self) -> None:
        new = ("--mount", "--pid", "--net", "--uts", "--ipc", "--cgroup")
        unshare = (needs.find("unshare") or "unshare", *new, "--fork", "--kill-child")
        boot = (sys.executable, "-m", "infra.lab.boot", str(self.home), self.name)
        # Nobody's child: it lives on when we end. (A shell gives what it leaves behind no input of
        # its own, unless it is named.) In its cgroup before the namespace is made: there that
        # cgroup is the root of all.
        leave = ("sh", "-c", 'exec 3<&0; "$@" <&3 3<&- &', "sh")
        join = ("sh", "-c", 'echo $$ >"$0"; echo $$; exec "$@"', str(self._cgroup / "cgroup.procs"))
        with (
            (self.home / "boot.log").open("ab") as log,
            subprocess.Popen(
                (*leave, *join, *unshare, *boot),
                cwd=_PROJECT,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                start_new_session=True,
            ) as shell,
        ):
            assert shell.stdin is not None
            assert shell.stdout is not None
            maker, said = shell.stdout.readline(), shell.stdout.readline()
            if said != b"mounted\n":
                raise NotVerified(
                    f"lab host {self.name}: expected it to mount its disk, ended: "
                    f"{self._end_of_log()}",
                    next_step=f"read {self.home / 'boot.log'}",
                )
            (first,) = psutil.Process(int(maker)).children()
            self.network.plug_in(self.name, first.pid, self.address)
            self._record.write_text(json.dumps({"pid": first.pid, "began": _began(first.pid)}))
            shell.stdin.write(b"go\n")

    def _process(self) -> psutil.Process | None:
        """Return its process 1, seen from here."""
        if not self._record.exists():
            return None
        known = json.loads(self._record.read_text())
        try:
            process = psutil.Process(known["pid"])
            alive = _began(process.pid) == known["began"]
            return process if alive and process.status() != psutil.STATUS_ZOMBIE else None
        except (psutil.NoSuchProcess, OSError):
            return None

    def _require_up(self) -> psutil.Process:
        process = self._process()
        if process is None:
            raise CheckFailed(
                f"lab host {self.name}: expected it up, was off",
                next_step=f"turn it on: `python -m infra.lab up {self.name}`",
            )
        return process

    def _clear(self) -> None:
        """Take away what a host without power leaves on this machine; its disk stays."""
        if not poll(self._is_gone, within=_OFF_WITHIN):
            raise NotVerified(
                f"lab host {self.name}: expected no process of it, found some in {self._cgroup}",
                next_step="look at them; they may hang in the kernel",
            )
        for group in self._cgroups():
            group.rmdir()
        self.network.unplug(self.name)
        self._record.unlink(missing_ok=True)

    def _is_gone(self) -> bool:
        return not any((group / "cgroup.procs").read_text() for group in self._cgroups())

    def _cgroups(self) -> Iterator[Path]:
        """Its cgroups, the inner ones first."""
        if self._cgroup.is_dir():
            inner = [path.parent for path in self._cgroup.rglob("cgroup.procs")]
            yield from sorted(inner, key=lambda path: len(path.parts), reverse=True)

    @property
    def _cgroup(self) -> Path:
        return needs.cgroup2() / f"{self.network.bridge}-{self.name}"

    @property
    def _record(self) -> Path:
        return self.home / "host.json"

    def _end_of_log(self) -> str:
        log = self.home / "boot.log"
        lines = log.read_text(errors="replace").splitlines() if log.exists() else []
        return " | ".join(lines[-3:]) or "empty"


def known(place: Path = PLACE) -> list[LabHost]:
    """Return every host that was brought up and not taken down, by name."""
    homes = sorted(path for path in place.glob("*") if (path / "address").exists())
    return [LabHost(home.name, (home / "address").read_text().strip(), place) for home in homes]


def _began(process: int) -> int:
    """Return when a process began, in ticks since this machine's start: no clock is set there."""
    after_name = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2]
    return int(after_name.split()[19])


def _run(*command: str) -> None:
    program = needs.find(command[0]) or command[0]
    answer = subprocess.run((program, *command[1:]), check=False, capture_output=True, text=True)
    if answer.returncode != 0:
        raise CheckFailed(
            f"{' '.join(command)}: expected exit code 0, was {answer.returncode}: "
            f"{answer.stderr.strip()}",
            next_step="see `python -m infra.lab list`; `down` removes what is half made",
        )
