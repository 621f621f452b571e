"""A runbook in a process of its own, which dies by SIGKILL at one line of its ledger.

Only the process that a test starts for it imports this. The runbook, its tasks, the kernel, the
services and the database are the real ones; the ledger is too, until the chosen line.
"""

import importlib
import os
import signal
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, NoReturn

from prefect.settings import (
    PREFECT_API_URL,
    PREFECT_FLOWS_HEARTBEAT_FREQUENCY,
    temporary_settings,
)
from typing_extensions import override

from tasks.kernel import Kind, PostgresLedger, Record, run_record


@dataclass(frozen=True, slots=True)
class Place:
    """One line of the ledger, and whether it still gets to the disk.

    Attributes:
        step: The action, and its target where it has several: "ensure_service_running/gateway".
        kind: Which of the action's lines.
        written: False: the process dies instead of writing it.
    """

    step: str
    kind: Kind
    written: bool

    def is_at(self, line: Record) -> bool:
        """Whether this line is the one."""
        return line.kind == self.kind and f"/{self.step}/" in f"{line.key}/"

    def __str__(self) -> str:
        return f"{'after' if self.written else 'before'} the {self.kind} of {self.step}"


class DyingLedger(PostgresLedger):
    """The ledger proper, whose process is gone at `place`."""

    place: ClassVar[Place]

    @override
    def chain(self, drafted: Record) -> Record:
        is_here = self.place.is_at(drafted)
        if is_here and not self.place.written:
            _die()
        record = super().chain(drafted)
        if is_here:
            _die()
        return record


def run(
    environment: Mapping[str, str],
    runbook: str,
    given: Mapping[str, Any],
    said: Path,
    place: Place | None,
) -> None:
    """Run `runbook` as a worker would; with a place, die there.

    Args:
        environment: All of the process's variables.
        runbook: Module and function: "flows.emergency.trading_halt.trading_halt".
        said: Gets what the process writes to its outputs.
    """
    os.environ.clear()
    os.environ.update(environment)
    with said.open("ab") as file:
        for output in (1, 2):
            os.dup2(file.fileno(), output)
    if place is not None:
        DyingLedger.place = place
        names = vars(run_record)
        assert names["PostgresLedger"] is PostgresLedger, "a run's record is opened elsewhere"
        names["PostgresLedger"] = DyingLedger
    module, _, function = runbook.rpartition(".")
    api = environment["PREFECT_API_URL"]
    with temporary_settings({PREFECT_API_URL: api, PREFECT_FLOWS_HEARTBEAT_FREQUENCY: None}):
        getattr(importlib.import_module(module), function)(**given)


def _die() -> NoReturn:
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError("SIGKILL came back")
