"""This combination of Prefect and its libraries makes scheduled runs.

With some versions of them the server starts, looks healthy and never schedules anything. So: the
server of a stack that was just made, on PostgreSQL, a deployment with a schedule, and a run that
nobody asked for.
"""

from collections.abc import Iterator

import pytest

from deployments.orchestrator import Orchestrator
from tests.fix_stack import Stack
from trading_core.clock import poll, seconds

pytestmark = pytest.mark.slow


@pytest.fixture
def orchestrator(stack: Stack) -> Iterator[Orchestrator]:
    with Orchestrator.of(stack.settings) as one:
        yield one


def test_a_schedule_makes_a_run_by_itself(orchestrator: Orchestrator) -> None:
    every_ten_seconds = {"schedule": {"interval": 10}, "active": True}
    orchestrator.deploy("canary", {"name": "canary", "schedules": [every_ten_seconds]})
    deployment = orchestrator.deployment("canary")
    try:
        assert poll(lambda: bool(orchestrator.runs(deployment)), within=seconds(60))
        assert orchestrator.runs(deployment)[0].state == "SCHEDULED"
    finally:
        orchestrator.undeploy(deployment)
