"""The one module that calls Prefect's engine by itself, in a process that is warm already.

A worker starts two interpreters for a run, which import Prefect for seconds each. Here a run begins
in a thread of a process that has done so. What that gives up is isolation: a crash takes all its
runs. They are taken again by the process that comes next, and runbooks converge.

`prefect.flow_engine.run_flow` is importable and not documented, and Prefect's version is pinned:
tests/faults/test_playbooks_killed.py proves the two together.
"""

from collections.abc import Mapping
from typing import Any

from prefect import Flow
from prefect.client.schemas.objects import FlowRun, State
from prefect.exceptions import Pause
from prefect.flow_engine import run_flow

from deployments import register, runbooks
from deployments.runbooks import Runbook


class Engine:
    """Every runbook, imported, and Prefect's engine to run one in the calling thread."""

    def __init__(self) -> None:
        self._flows: dict[str, Flow[Any, Any]] = {}
        for runbook in runbooks.discover():
            if register.pool_of(runbook) == register.INCIDENT_POOL:
                self._load(runbook)

    def run(self, name: str, body: Mapping[str, Any]) -> str:
        """Run a claimed run of a runbook to its end.

        Args:
            name: The runbook's.
            body: The flow run, as Prefect's API has it.

        Returns:
            The type of its final state: COMPLETED, FAILED, ...
        """
        flow = self._flows.get(name) or self._load(runbooks.find(name))
        try:
            ended: State[Any] = run_flow(  # type: ignore[assignment]  # what return_type="state" gives
                flow, flow_run=FlowRun.model_validate(body), return_type="state"
            )
        except Pause as left:  # it was too late, and has set its own state
            if left.state is None:
                raise
            return left.state.type.value
        return ended.type.value

    def _load(self, runbook: Runbook) -> Flow[Any, Any]:
        flow = register.load(runbook)
        self._flows[runbook.name] = flow
        return flow
