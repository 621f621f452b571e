"""The sample runbook, deployed to the stack of the test run, and a watcher that remembers."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from deployments.orchestrator import Artifact, Deployment, FlowRun, LogLine, Orchestrator
from infra.embedded.prefect import POOL
from tests.deployments.sample_flow import NAME, sample
from tests.fix_stack import Stack


@contextmanager
def deployed_sample(stack: Stack) -> Iterator[tuple[Orchestrator, Deployment]]:
    """Deploy the sample for the length of a `with` block."""
    with Orchestrator.of(stack.settings) as orchestrator:
        orchestrator.deploy(
            NAME,
            {
                "name": NAME,
                "entrypoint": f"{sample.fn.__module__}.{NAME}",
                "work_pool_name": POOL,
                "parameter_openapi_schema": sample.parameters.model_dump(),
                "enforce_parameter_schema": True,
            },
        )
        deployment = orchestrator.deployment(NAME)
        try:
            yield orchestrator, deployment
        finally:
            orchestrator.undeploy(deployment)


@dataclass
class Memory:
    """A watcher that remembers everything it was told."""

    states: list[str] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)
    percents: list[float] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def state(self, run: FlowRun) -> None:
        self.states.append(run.state)

    def line(self, line: LogLine) -> None:
        self.lines.append(line.message)

    def progress(self, artifact: Artifact) -> None:
        self.percents.append(artifact.data)

    def note(self, words: str) -> None:
        self.notes.append(words)
