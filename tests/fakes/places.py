"""Services on this machine and on hosts, in memory: for what asks where something runs."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from infra.embedded.supervisor import ProcessState, State
from tests.fakes.services import FakeProcesses
from trading_core import halt_request
from trading_core.errors import Unreachable


class FakePlaces(FakeProcesses):
    """`tasks.services.hosts.Places`. Everything belongs on host one.

    Attributes:
        copies: What runs where it does not belong, by place, for every service alike.
        missing: Files that the host of a service lacks, by service.
        waits: Whether a halt lies where the executor reads it.
        dark: The host does not answer.
        root: A halt brought from here lies here no more; None: it was nowhere.
    """

    def __init__(self, *running: str, stopped: tuple[str, ...] = ()) -> None:
        super().__init__(*running, stopped=stopped)
        self.copies: dict[str, State] = {}
        self.missing: dict[str, list[str]] = {}
        self.waits = False
        self.dark = False
        self.root: Path | None = None

    def place_of(self, name: str) -> str:
        return "host one"

    def elsewhere(self, name: str) -> Mapping[str, ProcessState]:
        return {
            place: ProcessState(name, state, 1, 0, 0, "as it is there")
            for place, state in self.copies.items()
        }

    def lacking(self, name: str) -> Sequence[str]:
        self._listen()
        return self.missing.get(name, [])

    def provide(self, name: str) -> None:
        self._listen()
        self.commands.append(f"provide {name}")
        brought = self.missing.pop(name, [])
        if any(path.endswith("halt_request.json") for path in brought):
            self.waits = True
            if self.root is not None:
                halt_request.clear(self.root)

    def halt_waits(self) -> bool:
        self._listen()
        return self.waits

    def _listen(self) -> None:
        if self.dark:
            raise Unreachable("one: expected it to run sh, was no answer in time", next_step="look")
