"""Runs whose process is gone while the server goes on believing in them.

It happens when a worker and its run are killed together. Such a run would be shown as running for
ever, and a later one in the same window would join it and wait. That a run is marked as crashed
says nothing about what it did: the runbook finds that out by looking, when it runs again.
"""

import psutil

from deployments.orchestrator import Deployment, FlowRun, Orchestrator
from infra.embedded.prefect import INCIDENT_POOL
from trading_core.clock import SystemClock, seconds

# Prefect puts the id of a run into the environment of the processes that work on it.
_RUN_ID_VARIABLE = "PREFECT__FLOW_RUN_ID"
# Between being taken by a worker and having a process of its own.
_TAKEN_FOR_AT_MOST = seconds(60)


def bury(orchestrator: Orchestrator, deployment: Deployment) -> tuple[FlowRun, ...]:
    """Mark as crashed the runs of a deployment that no process of this machine works on.

    Workers run on this machine; a worker elsewhere would have its runs taken for dead.
    """
    if deployment.pool == INCIDENT_POOL:
        return ()  # they have no process of their own; their executor looks after them
    believed = [run for run in orchestrator.runs(deployment) if run.is_under_way]
    if not believed:
        return ()
    alive = _runs_with_a_process()
    # Read again after looking for processes: one may have ended, well, in between.
    dead = [
        run
        for run in (orchestrator.run(one.id) for one in believed)
        if run.id not in alive and _should_have_a_process(run)
    ]
    for run in dead:
        orchestrator.mark_crashed(run, "its process is gone from this machine")
    return tuple(dead)


def _should_have_a_process(run: FlowRun) -> bool:
    if run.state == "PENDING":
        return SystemClock().now() - run.state_at > _TAKEN_FOR_AT_MOST
    return run.is_under_way


def _runs_with_a_process() -> set[str]:
    found = set()
    for process in psutil.process_iter():
        try:
            found.add(process.environ().get(_RUN_ID_VARIABLE, ""))
        except psutil.Error:
            continue  # gone meanwhile, or somebody else's
    return found - {""}
