"""A grant: people's yes to exactly the changes of a plan, until a moment, for one run.

Under a grant the kernel makes no change that is not in the plan, gated or not: what was approved is
the plan as a whole. It may do less, when something turned out to be done already; never other.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from threading import Lock

from tasks.kernel.run import begin, current_run
from trading_core.approval.request import Step
from trading_core.clock import stopwatch_seconds
from trading_core.errors import CheckFailed


@dataclass(frozen=True, slots=True)
class Grant:
    """What may be changed, on whose word.

    Attributes:
        request_id: The request it answers; empty when nothing in the plan was gated.
        digest: Of all that was approved, as hex.
        run_id: The run it was given to; no other can use it.
        steps: The planned changes. Each may be made as often as it is in the plan.
        approved_by: Who said yes.
        reasons: Theirs, in the same order.
        ends_at_seconds: Reading of the stopwatch from which on it is void.
    """

    request_id: str
    digest: str
    run_id: str
    steps: tuple[Step, ...]
    approved_by: tuple[str, ...]
    reasons: tuple[str, ...]
    ends_at_seconds: float
    _spent: Counter[str] = field(default_factory=Counter, repr=False, compare=False)
    _turn: Lock = field(default_factory=Lock, repr=False, compare=False)

    def spend(self, does: str, run_id: str) -> None:
        """Use the grant for one change.

        Raises:
            CheckFailed: It is another run's, its time is over, or the change is not in the plan.
        """
        if run_id != self.run_id:
            self._refuse(does, f"an approval of this run, was given to run {self.run_id}")
        if stopwatch_seconds() > self.ends_at_seconds:
            self._refuse(does, "an approval in force, its time is over")
        with self._turn:
            planned = sum(step.does == does for step in self.steps)
            if self._spent[does] >= planned:
                done = f" {planned} times, and it was done" if planned else ""
                words = "; ".join(dict.fromkeys(step.does for step in self.steps)) or "nothing"
                self._refuse(does, f"one of the planned changes{done}; the plan says: {words}")
            self._spent[does] += 1

    @property
    def facts(self) -> Mapping[str, object]:
        """What the ledger keeps of it."""
        return {
            "approved_by": ", ".join(self.approved_by),
            "approval_reason": "; ".join(self.reasons),
            "approval": self.request_id,
            "approval_sha256": self.digest,
        }

    def _refuse(self, does: str, expected: str) -> None:
        raise CheckFailed(
            f"{does}: expected {expected}",
            next_step="look at what was done so far, then run it again: it asks anew",
        )


@contextmanager
def granted(grant: Grant | None) -> Iterator[None]:
    """Make the changes inside the block under `grant`; None, in a dry run, leaves all as it is."""
    run = current_run()
    with begin(run if grant is None else replace(run, grant=grant)):
        yield
