"""supervisord keeps the processes alive; this is its configuration and the way to talk to it.

Its socket is the stack's identity: supervisord puts the socket's address into the environment of
every process it starts, and by it `down` knows the stack's processes from all others.
"""

import hashlib
import os
import shlex
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from http.client import HTTPException
from pathlib import Path
from typing import Any
from xmlrpc.client import Fault, ProtocolError, ServerProxy

import psutil
from supervisor.xmlrpc import Faults, SupervisorTransport

from infra.embedded.programs import Program
from trading_core.clock import poll, seconds
from trading_core.errors import NotVerified, Unreachable

_ADDRESS_VARIABLE = "SUPERVISOR_SERVER_URL"
_START_WITHIN = seconds(10)
_LOG_BYTES_MAX = "10MB"
_LOG_FILES_KEPT = 3
# Delays between attempts grow by a second each: this many take about three and a half minutes.
_START_ATTEMPTS = 20


class State(StrEnum):
    """supervisord's word for a process; UNREACHABLE is ours: nobody could be asked about it."""

    STOPPED = "STOPPED"
    STARTING = "STARTING"
    RUNNING = "RUNNING"
    BACKOFF = "BACKOFF"
    STOPPING = "STOPPING"
    EXITED = "EXITED"
    FATAL = "FATAL"
    UNKNOWN = "UNKNOWN"
    UNREACHABLE = "UNREACHABLE"


_DOWN = (State.STOPPED, State.EXITED, State.FATAL, State.UNKNOWN)


@dataclass(frozen=True, slots=True)
class ProcessState:
    """What supervisord says about one process.

    Attributes:
        pid: 0 when there is no process.
        uptime_seconds: Since its last start; 0 when there is no process.
        started: supervisord's stamp of the last start: another start has another stamp.
    """

    name: str
    state: State
    pid: int
    uptime_seconds: int
    started: int
    description: str

    @property
    def is_down(self) -> bool:
        """Whether nothing runs and nothing will by itself."""
        return self.state in _DOWN


class Supervisor:
    """The supervisord of the stack whose state is in `root`."""

    def __init__(self, root: Path) -> None:
        digest = hashlib.sha256(str(root).encode()).hexdigest()[:12]
        self.directory = root / "supervisor"
        self.logs = root / "logs"
        # A socket's path has at most 107 bytes; that of the state directory may be longer.
        self.socket = Path(f"/tmp/tradeops-{os.getuid()}-{digest}.sock")
        self.address = f"unix://{self.socket}"

    @property
    def configuration_file(self) -> Path:
        """Where supervisord reads which programs there are."""
        return self.directory / "supervisord.conf"

    def is_running(self) -> bool:
        """Whether supervisord answers on its socket."""
        return self.pid() != 0

    def pid(self) -> int:
        """Return supervisord's process id; 0 when it does not answer."""
        try:
            with self._calls() as calls:
                return int(calls.getPID())
        except Unreachable:
            return 0

    def configured(self) -> str:
        """Return the configuration that was written last; empty when there is none."""
        return self.configuration_file.read_text() if self.configuration_file.exists() else ""

    def start(self, configuration: str, environment: Mapping[str, str]) -> None:
        """Start supervisord in the background, with no program running yet.

        Args:
            configuration: What `configuration` returned.
            environment: What it and every program it starts will see.

        Raises:
            NotVerified: It does not answer after ten seconds.
        """
        self.logs.mkdir(parents=True, exist_ok=True)
        self.directory.mkdir(parents=True, exist_ok=True)
        self.configuration_file.write_text(configuration)
        answer = subprocess.run(
            [sys.executable, "-m", "supervisor.supervisord", "-c", str(self.configuration_file)],
            check=False,
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
        )
        if answer.returncode != 0 or not poll(self.is_running, within=_START_WITHIN):
            words = (answer.stderr or answer.stdout).strip().replace("\n", "; ")
            raise NotVerified(
                f"supervisord: expected an answer on {self.socket}, exit code was "
                f"{answer.returncode}: {words[-500:]}",
                next_step=f"read {self.logs / 'supervisord.log'}",
            )

    def processes(self) -> dict[str, ProcessState]:
        """Return the state of every program, by name.

        Raises:
            Unreachable: supervisord does not answer.
        """
        with self._calls() as calls:
            return {info["name"]: _state(info) for info in calls.getAllProcessInfo()}

    def begin(self, name: str) -> None:
        """Ask for a program to be started; looking again tells whether it runs."""
        self._ask("startProcess", name, unless=Faults.ALREADY_STARTED)

    def end(self, name: str) -> None:
        """Ask for a program to be stopped; looking again tells whether it has."""
        self._ask("stopProcess", name, unless=Faults.NOT_RUNNING)

    def log_tail(self, name: str, lines: int) -> list[str]:
        """Return the last lines a program has written; none when it wrote no log."""
        path = self.logs / f"{name}.log"
        if not path.exists():
            return []
        return path.read_text(errors="replace").splitlines()[-lines:]

    def shut_down(self) -> None:
        """Ask supervisord to stop what still runs and to leave."""
        with self._calls() as calls:
            calls.shutdown()

    def family(self) -> list[psutil.Process]:
        """Return every live process of this stack: supervisord, what it started, and theirs.

        Also those whose supervisord is dead. Never the caller or one of its ancestors.
        """
        found: dict[int, psutil.Process] = {}
        pid = self.pid()
        if pid:
            head = psutil.Process(pid)
            found = {p.pid: p for p in (head, *head.children(recursive=True))}
        for process in psutil.process_iter():
            if self._started(process):
                found[process.pid] = process
        ours = psutil.Process()
        kept = {ours.pid, *(p.pid for p in ours.parents())}
        return [p for p in found.values() if p.pid not in kept]

    def _started(self, process: psutil.Process) -> bool:
        try:
            return process.environ().get(_ADDRESS_VARIABLE) == self.address
        except psutil.Error:
            return False

    def _ask(self, verb: str, name: str, *, unless: int) -> None:
        with self._calls() as calls:
            try:
                getattr(calls, verb)(name, False)  # False: do not wait for the effect
            except Fault as fault:
                if fault.faultCode != unless:
                    raise NotVerified(
                        f"supervisord: expected {verb} {name} to be taken, was {fault.faultString}",
                        next_step=f"read {self.logs / name}.log",
                    ) from fault

    @contextmanager
    def _calls(self) -> Iterator[Any]:
        transport = SupervisorTransport(None, None, self.address)
        try:
            with ServerProxy("http://localhost", transport=transport) as proxy:
                yield proxy.supervisor
        except (OSError, HTTPException, ProtocolError) as error:
            raise Unreachable(
                f"supervisord: expected an answer on {self.socket}, was: {error}",
                next_step="bring the stack up with `tradeops up`",
            ) from error
        finally:
            transport.close()

    def configuration(
        self, programs: Sequence[Program], working_directory: Path, remark: str
    ) -> str:
        """Return supervisord's configuration.

        Args:
            programs: What to keep alive.
            working_directory: Where every program of our own account starts.
            remark: Kept as a comment: what else must not change while the stack runs.
        """
        sections: dict[str, dict[str, object]] = {
            "unix_http_server": {"file": self.socket, "chmod": "0700"},
            "supervisord": {
                "logfile": self.logs / "supervisord.log",
                "logfile_maxbytes": _LOG_BYTES_MAX,
                "logfile_backups": _LOG_FILES_KEPT,
                "pidfile": self.directory / "supervisord.pid",
                "childlogdir": self.logs,
                "nocleanup": "true",
            },
            "rpcinterface:supervisor": {
                "supervisor.rpcinterface_factory": "supervisor.rpcinterface:make_main_rpcinterface"
            },
        }
        if os.geteuid() == 0:
            sections["supervisord"]["user"] = "root"  # said aloud, or it warns
        for program in programs:
            sections[f"program:{program.name}"] = self._program(program, working_directory)
        return f"; {remark}\n" + "\n".join(
            "\n".join([f"[{title}]", *(f"{k}={_escaped(v)}" for k, v in body.items()), ""])
            for title, body in sections.items()
        )

    def _program(self, program: Program, working_directory: Path) -> dict[str, object]:
        body: dict[str, object] = {
            "command": shlex.join(program.command),
            "directory": working_directory,
            "autostart": "false",
            "autorestart": "true",
            "startsecs": 1,
            "startretries": _START_ATTEMPTS,
            "stopsignal": program.stop_signal.name.removeprefix("SIG"),
            "stopwaitsecs": program.stop_within_seconds,
            "killasgroup": "true",
            "redirect_stderr": "true",
            # Of all paths supervisord expands this one twice.
            "stdout_logfile": _escaped(self.logs / f"{program.name}.log"),
            "stdout_logfile_maxbytes": _LOG_BYTES_MAX,
            "stdout_logfile_backups": _LOG_FILES_KEPT,
        }
        if program.user:
            # Another account may not be able to enter the project's directory.
            body |= {"user": program.user, "directory": "/"}
        return body


def _escaped(value: object) -> str:
    return str(value).replace("%", "%%")


def _state(info: Mapping[str, Any]) -> ProcessState:
    pid = int(info["pid"])
    return ProcessState(
        name=info["name"],
        state=State(info["statename"]),
        pid=pid,
        uptime_seconds=int(info["now"]) - int(info["start"]) if pid else 0,
        started=int(info["start"]),
        description=info["description"],
    )
