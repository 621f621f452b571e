"""Prefect knows exactly the runbooks of the source tree, as they are now."""

from collections.abc import Iterator

import pytest

from deployments import register
from deployments.orchestrator import Orchestrator
from deployments.runbooks import discover
from infra.embedded.prefect import POOL
from tests.fix_stack import Stack

pytestmark = pytest.mark.slow


@pytest.fixture
def orchestrator(stack: Stack) -> Iterator[Orchestrator]:
    with Orchestrator.of(stack.settings) as one:
        yield one


def test_every_runbook_is_deployed_by_up_with_typed_parameters(
    stack: Stack, orchestrator: Orchestrator
) -> None:
    assert register.is_registered(stack.settings)
    for runbook in discover():
        deployment = orchestrator.deployment(runbook.name)
        properties = deployment.schema["properties"]
        assert properties["dry_run"]["type"] == "boolean"
        assert properties["requested_by"]["type"] == "string"
        assert not any(schedule["active"] for schedule in deployment.schedules)


def test_registering_again_changes_nothing(stack: Stack, orchestrator: Orchestrator) -> None:
    before = orchestrator.deployments()
    register.register_all(stack.settings)
    assert orchestrator.deployments() == before


def test_a_deployment_whose_runbook_is_gone_is_removed_and_a_foreign_one_is_not(
    stack: Stack, orchestrator: Orchestrator
) -> None:
    body = {"entrypoint": "gone.gone", "work_pool_name": POOL}
    orchestrator.deploy("gone", {**body, "name": "gone", "tags": [register.TAG]})
    orchestrator.deploy("foreign", {**body, "name": "foreign"})
    assert not register.is_registered(stack.settings)
    register.register_all(stack.settings)
    names = {deployment.name for deployment in orchestrator.deployments()}
    assert "gone" not in names
    assert "foreign" in names
    assert register.is_registered(stack.settings)
    orchestrator.undeploy(orchestrator.deployment("foreign"))


def test_a_deployment_of_older_sources_is_renewed(stack: Stack, orchestrator: Orchestrator) -> None:
    name = discover()[0].name
    current = orchestrator.deployment(name)
    stale = {"name": name, "version": "older", "tags": [register.TAG], "work_pool_name": POOL}
    orchestrator.deploy(name, stale)
    assert not register.is_registered(stack.settings)
    register.register_all(stack.settings)
    assert orchestrator.deployment(name) == current
