"""systemd on one host, over SSH: the same words as the supervisor's, for units instead of programs.

Every question is one command on one connection. What cannot be asked is told as it is: nobody
answers for these services now.
"""

from collections.abc import Mapping
from typing import Self

from infra.embedded.supervisor import ProcessState, State
from infra.hosts import Host
from infra.ssh import Ssh
from infra.systemd.provision import WantedFile
from infra.systemd.units import Installation, ours, unit_name
from trading_core.errors import CheckFailed, Unreachable

_PROPERTIES = (
    "Id",
    "LoadState",
    "ActiveState",
    "SubState",
    "MainPID",
    "ExecMainStartTimestampMonotonic",
    "ExecMainStartTimestamp",
)
# systemd's ActiveState in the supervisor's words; "activating" has two.
_STATES = {
    "active": State.RUNNING,
    "reloading": State.RUNNING,
    "activating": State.STARTING,
    "deactivating": State.STOPPING,
    "failed": State.FATAL,
    "inactive": State.STOPPED,
}
_MICROSECONDS = 1_000_000
# `systemctl` answers when the job is queued; a host that is busy with a dump still answers in this.
_WITHIN_SECONDS = 10.0


class RemoteUnits:
    """The units of our services on one host. A connection is made when first needed, and kept."""

    def __init__(self, host: Host, place: Installation, ssh: Ssh | None = None) -> None:
        self.host = host
        self.place = place
        self._ssh = ssh or Ssh(host.door)

    def processes(self) -> dict[str, ProcessState]:
        """Return the state of every service of ours on that host, also those that do not belong.

        Raises:
            Unreachable: It does not answer.
            CheckFailed: It is another machine than the inventory says, or does not let us in.
        """
        names = {unit_name(row.name): row.name for row in ours()}
        show = f"systemctl show --timestamp=unix -p {','.join(_PROPERTIES)} {' '.join(names)}"
        said = self._ssh.check(
            "sh", "-c", f"cut -d' ' -f1 /proc/uptime && {show}", within_seconds=_WITHIN_SECONDS
        )
        uptime, _, rest = said.partition("\n")
        blocks = [_fields(block) for block in rest.strip().split("\n\n")]
        return {
            names[one["Id"]]: _state(names[one["Id"]], one, float(uptime))
            for one in blocks
            if one.get("Id") in names
        }

    def begin(self, name: str) -> None:
        """Ask for a unit to be started; looking again tells whether it runs."""
        # One that has failed too often is started again only when that is forgotten.
        self._ssh.run("systemctl", "reset-failed", unit_name(name))
        self._ask("start", name)

    def end(self, name: str) -> None:
        """Ask for a unit to be stopped; looking again tells whether it has."""
        self._ask("stop", name)

    def _ask(self, verb: str, name: str) -> None:
        try:
            self._ssh.check("systemctl", verb, "--no-block", unit_name(name))
        except CheckFailed as error:
            # A host whose systemd is gone is going down: whether it took the word is unknown.
            if "Failed to connect to bus" not in str(error):
                raise
            raise Unreachable(str(error), next_step=error.next_step) from error

    def log_tail(self, name: str, lines: int) -> list[str]:
        """Return the last lines a service has written; none when it wrote no log."""
        path = self.place.logs / f"{name}.log"
        answer = self._ssh.run("tail", "-n", str(lines), str(path))
        return answer.out.splitlines() if answer.code == 0 else []

    def differing(self, files: Mapping[str, WantedFile]) -> list[str]:
        """Return which of these files are not there, or with other content or mode, in order."""
        script = 'for f; do stat -c %a "$f" 2>&1; sha256sum "$f" 2>&1; echo; done'
        said = self._ssh.check("sh", "-c", script, "look", *files)
        found = [block.split() for block in said.split("\n\n")]
        return [
            path
            for (path, file), words in zip(files.items(), found, strict=False)
            if words[:2] != [f"{file.mode:o}", file.digest]
        ]

    def install(self, files: Mapping[str, WantedFile]) -> None:
        """Write files, make the directories the services need, and have systemd read its units."""
        place = self.place
        private = (f"{place.state}", f"{place.state}/secrets", f"{place.state}/executor")
        self._ssh.check("mkdir", "-p", "-m", "0700", *private)
        parents = sorted({path.rpartition("/")[0] for path in files})
        self._ssh.check("mkdir", "-p", str(place.logs), *parents)
        for path, file in files.items():
            self._ssh.write(path, file.content, file.mode)
        if place.user != self.host.door.user:
            self._ssh.check("chown", "-R", f"{place.user}:", str(place.state), str(place.logs))
        self._ssh.check("systemctl", "daemon-reload")

    def has(self, path: str) -> bool:
        """Whether there is such a file."""
        return self._ssh.run("test", "-e", path).code == 0

    def text(self, path: str) -> str | None:
        """Return the content of a small file; None: there is none."""
        answer = self._ssh.run("cat", path)
        return answer.out if answer.code == 0 else None

    def close(self) -> None:
        """Let go of the connection."""
        self._ssh.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exit: object) -> None:
        self.close()


def _fields(block: str) -> dict[str, str]:
    return dict(line.split("=", 1) for line in block.splitlines() if "=" in line)


def _state(name: str, found: Mapping[str, str], uptime_seconds: float) -> ProcessState:
    """Return a unit's state. Its age is measured on its own machine, by a clock nobody sets."""
    active = found["ActiveState"]
    state = _STATES.get(active)
    if state is None:
        raise CheckFailed(
            f"{name}: expected ActiveState as one of {', '.join(_STATES)}, was {active}",
            next_step="see `systemctl status` on that host",
        )
    if found["SubState"] == "auto-restart":
        state = State.BACKOFF
    pid = int(found["MainPID"])
    began_seconds = int(found["ExecMainStartTimestampMonotonic"]) / _MICROSECONDS
    return ProcessState(
        name=name,
        state=state,
        pid=pid,
        uptime_seconds=int(uptime_seconds - began_seconds) if pid else 0,
        started=int(found["ExecMainStartTimestamp"].removeprefix("@") or 0) if pid else 0,
        description=f"unit {active} ({found['SubState']})"
        if found["LoadState"] == "loaded"
        else f"unit {found['LoadState']}",
    )
