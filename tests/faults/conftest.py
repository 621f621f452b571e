"""Runs of runbooks that may be killed, on the stack of the test run."""

from collections.abc import Iterator

import pytest

from infra.embedded.supervisor import Supervisor
from tests.faults.killing import Runs
from tests.fix_stack import Stack
from trading_core.clock import poll, seconds


@pytest.fixture(scope="session")
def runs(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Runs:
    """Runs on the stack as it is."""
    api = f"{stack.settings.url('prefect_server')}/api"
    return Runs(stack, api, tmp_path_factory.mktemp("runs"))


@pytest.fixture(scope="module")
def quiet_runs(runs: Runs) -> Iterator[Runs]:
    """Runs on the stack while no alert is delivered: nobody else answers what a test breaks."""
    supervisor = Supervisor(runs.stack.settings.root)
    supervisor.end("alertmanager")
    yield runs
    supervisor.begin("alertmanager")
    assert poll(runs.stack.is_whole, within=seconds(60)), runs.stack.status()
