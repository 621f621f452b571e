"""A supervisor in memory: it starts and stops programs that have no process."""

from collections.abc import Mapping
from typing import Self

from infra.embedded.supervisor import ProcessState, State


class FakeProcesses:
    """`tasks.services.processes.Processes`, with programs of this process's imagination.

    Attributes:
        commands: What was asked for, in order.
        stubborn: Programs that do not stop when asked.
        logs: What each program has written, line by line.
    """

    def __init__(self, *running: str, stopped: tuple[str, ...] = ()) -> None:
        self.commands: list[str] = []
        self.logs: dict[str, list[str]] = {}
        self.stubborn: set[str] = set()
        self._states = dict.fromkeys(running, State.RUNNING)
        self._states |= dict.fromkeys(stopped, State.STOPPED)
        self._pids = dict.fromkeys(self._states, 1)

    def processes(self) -> Mapping[str, ProcessState]:
        return {
            name: ProcessState(
                name, state, self._pids[name] if state is State.RUNNING else 0, 0, 0, str(state)
            )
            for name, state in self._states.items()
        }

    def with_running(self, name: str) -> Self:
        """Let one more program run."""
        self._states[name] = State.RUNNING
        self._pids[name] = max(self._pids.values()) + 1
        return self

    def lose(self, name: str) -> None:
        """Cut the host off on which a program runs."""
        self._states[name] = State.UNREACHABLE

    def begin(self, name: str) -> None:
        self.commands.append(f"start {name}")
        self.with_running(name)

    def log_tail(self, name: str, lines: int) -> list[str]:
        return self.logs.get(name, [])[-lines:]

    def end(self, name: str) -> None:
        self.commands.append(f"stop {name}")
        if name not in self.stubborn:
            self._states[name] = State.STOPPED
