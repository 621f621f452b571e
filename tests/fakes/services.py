"""A supervisor in memory: it starts and stops programs that have no process."""

from collections.abc import Mapping

from infra.embedded.supervisor import ProcessState, State


class FakeProcesses:
    """`tasks.services.Processes`, with programs of this process's imagination.

    Attributes:
        commands: What was asked for, in order.
        stubborn: Programs that do not stop when asked.
    """

    def __init__(self, *running: str, stopped: tuple[str, ...] = ()) -> None:
        self.commands: list[str] = []
        self.stubborn: set[str] = set()
        self._states = dict.fromkeys(running, State.RUNNING)
        self._states |= dict.fromkeys(stopped, State.STOPPED)

    def processes(self) -> Mapping[str, ProcessState]:
        return {
            name: ProcessState(name, state, 1 if state is State.RUNNING else 0, 0, 0, str(state))
            for name, state in self._states.items()
        }

    def begin(self, name: str) -> None:
        self.commands.append(f"start {name}")
        self._states[name] = State.RUNNING

    def end(self, name: str) -> None:
        self.commands.append(f"stop {name}")
        if name not in self.stubborn:
            self._states[name] = State.STOPPED
