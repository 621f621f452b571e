"""What the client of Prefect's server does beside asking it."""

import pytest

from deployments.orchestrator import Orchestrator
from infra.embedded.prefect import INCIDENT_POOL
from tests.fakes.prefect_api import FakePrefect


@pytest.mark.parametrize(("pool", "calls"), [(INCIDENT_POOL, 1), ("tradeops", 0)])
def test_the_warm_executor_is_told_of_runs_that_it_is_to_take(pool: str, calls: int) -> None:
    prefect = FakePrefect(trading_halt=("reason",))
    prefect.pools["trading-halt"] = pool
    told: list[None] = []
    with Orchestrator(
        "http://prefect/api", transport=prefect.transport(), wake=lambda: told.append(None)
    ) as orchestrator:
        orchestrator.start(orchestrator.deployment("trading-halt"), {"reason": "a test"})
    assert len(told) == calls
