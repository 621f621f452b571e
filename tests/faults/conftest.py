"""Runs of runbooks that may be killed, on the stack of the test run."""

import zlib
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import SimpleNamespace

import pytest

from infra.embedded.supervisor import Supervisor
from tests.faults.killing import Runs
from tests.fix_stack import Stack
from trading_core.clock import poll, seconds

_HERE = Path(__file__).parent
_NONE = SimpleNamespace(params={})
# Parameters that say where a run is killed.
_PLACES = {"place", "killed_at", "point", "on_the_way_down", "tripping"}


def pytest_collection_modifyitems(items: Sequence[pytest.Item]) -> None:
    """Have `make test` kill each runbook at one of its places; `make soak` does it at all others.

    Which one it is comes of the test's name: the kinds of places are spread over the runbooks.
    """
    by_test: dict[str, list[pytest.Function]] = defaultdict(list)
    functions = [one for one in items if isinstance(one, pytest.Function)]
    for item in functions:
        is_here = item.path.is_relative_to(_HERE)
        if is_here and _PLACES & getattr(item, "callspec", _NONE).params.keys():
            by_test[item.originalname].append(item)
    for name, variants in by_test.items():
        del variants[zlib.crc32(name.encode()) % len(variants)]
        for item in variants:
            item.add_marker(pytest.mark.soak)


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
