"""The run that is under way: which runbook, on what, by whom, for real or as a rehearsal.

A flow opens one run; every action in it finds the run here. An action outside a run is refused,
because nobody would know who did it and why.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tasks.kernel.evidence import Progress
from tasks.kernel.ledger import Ledger
from trading_core.approval.request import Step
from trading_core.approval.starter import Starter
from trading_core.errors import InvariantViolated

if TYPE_CHECKING:
    from tasks.kernel.approval import Grant


@dataclass(frozen=True, slots=True)
class Run:
    """One execution of one runbook.

    Attributes:
        runbook: The runbook's name, the same everywhere.
        subject: What it is about, never random: a trading day, an incident, a backup's window.
            Together with the runbook it is the idempotency window of every change.
        run_id: This execution's id, for finding its logs.
        actor: The role or person who started it.
        starter: The same with the proof they gave, if any.
        fence: Fencing token, larger than that of every earlier run; 0 when no database gave one.
        dry_run: Describe every change, make none.
        steps: The changes a dry run would have made, in order.
        grant: What people have approved for this run; absent: nothing gated may be done.
        progress: Told of every check and action that ends.
    """

    runbook: str
    subject: str
    run_id: str
    actor: str
    ledger: Ledger
    fence: int = 0
    dry_run: bool = False
    steps: list[Step] = field(default_factory=list)
    progress: Progress | None = None
    grant: "Grant | None" = None
    starter: Starter | None = None

    @property
    def plan(self) -> list[str]:
        """The changes a dry run would have made, each in a line."""
        return [step.does for step in self.steps]

    def key(self, action: str, target: str) -> str:
        """Return the idempotency key of one change."""
        return "/".join(part for part in (self.runbook, self.subject, action, target) if part)


_CURRENT: ContextVar[Run] = ContextVar("run")


@contextmanager
def begin(run: Run) -> Iterator[Run]:
    """Make `run` the one under way, in this thread and in the tasks submitted from it."""
    token = _CURRENT.set(run)
    try:
        yield run
    finally:
        _CURRENT.reset(token)


def current_run() -> Run:
    """Return the run under way.

    Raises:
        InvariantViolated: An action was called outside a run.
    """
    try:
        return _CURRENT.get()
    except LookupError:
        raise InvariantViolated(
            "an action was called outside a run, so nobody could say who did it",
            next_step="call it from a flow that opened a run with flows.desk.open_run",
        ) from None


def report_passed(step: str, sentence: str) -> None:
    """Tell the run under way, if there is one, that a step has ended and how."""
    run = _CURRENT.get(None)
    if run is not None and run.progress is not None:
        run.progress.passed(step, sentence)
