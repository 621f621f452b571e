"""The runs that plan-session has planned for a replayed day, each begun when market time is there.

In production Prefect's scheduler lets a run go when its wall time has come. In a replay no wall
time is right: the runs are held, and this is who lets them go, by the exchange's clock. Market time
stands still meanwhile, so that what a run sees does not depend on how fast this machine is.
"""

from collections import Counter
from dataclasses import dataclass
from datetime import datetime

from deployments.orchestrator import FlowRun, Orchestrator
from tasks.planning.day_plan import PlannedRun, plan_tag, read_tags
from trading_core.clock import EXCHANGE_ZONE, poll, seconds
from trading_core.errors import NotVerified

_LOOK_EVERY = seconds(0.15)
# What it came to, in the order people read it.
_WORDS = {"COMPLETED": "done", "CANCELLED": "skipped", "FAILED": "red", "CRASHED": "crashed"}


@dataclass(frozen=True, slots=True)
class HeldRun:
    """A planned run, and how it stands at the server."""

    planned: PlannedRun
    run: FlowRun

    @property
    def runbook(self) -> str:
        """Whose run it is."""
        return self.planned.runbook

    @property
    def title(self) -> str:
        """Its hour in New York and its runbook."""
        return f"{self.planned.due_at.astimezone(EXCHANGE_ZONE):%H:%M} {self.runbook}"


def held_runs(orchestrator: Orchestrator, plan: str) -> list[HeldRun]:
    """Return the runs of a plan that are in force, in the order in which they are due."""
    names = {one.id: one.name for one in orchestrator.deployments()}
    found = [
        HeldRun(planned, run)
        for run in orchestrator.tagged(plan_tag(plan))
        if run.state_name != "Cancelled"  # taken off the plan
        and (name := names.get(run.deployment_id or ""))
        and (planned := read_tags(name, run.tags))
    ]
    return sorted(found, key=lambda one: (one.planned.due_at, one.runbook))


def let_go(orchestrator: Orchestrator, held: HeldRun, now: datetime) -> FlowRun:
    """Have a run begin, market time being where it is; return it as it stands then.

    One that has begun already, or ended, is left alone.
    """
    run = orchestrator.run(held.run.id)
    if run.state == "SCHEDULED":
        clock = f"{now.astimezone(EXCHANGE_ZONE):%F %H:%M}"
        orchestrator.let_go(run, f"the exchange's clock is at {clock} New York")
        run = orchestrator.run(run.id)
    return run


def wait_for_end(orchestrator: Orchestrator, run: FlowRun, within_seconds: float) -> FlowRun:
    """Wait for a short run, and return it ended.

    Raises:
        NotVerified: It has not ended in that time. It goes on without us.
    """
    seen = [run]

    def is_over() -> bool:
        seen[:] = [orchestrator.run(run.id)]
        return seen[0].is_final

    if not poll(is_over, within=seconds(within_seconds), every=_LOOK_EVERY):
        raise NotVerified(
            f"{run.name}: expected an end within {within_seconds:.0f} s, was {seen[0].state_name}",
            next_step=f"look at the run in the Prefect UI: /runs/flow-run/{run.id}",
        )
    return seen[0]


def came_to(runs: list[HeldRun]) -> str:
    """Return in words what became of the runs of a plan."""
    counts = Counter(_WORDS.get(one.run.state, "waiting") for one in runs)
    return ", ".join(f"{count} {word}" for word, count in counts.most_common()) or "none planned"
