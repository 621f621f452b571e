"""The gated sample, deployed to the stack of the test run, and people with tokens in files."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deployments import runner
from deployments.orchestrator import FlowRun, Orchestrator
from deployments.starter import proven
from infra.embedded.prefect import POOL
from tests.deployments.fix_sample import Memory
from tests.deployments.gated_flow import NAME, gated_sample
from tests.fix_approvals import Person, enrol
from tests.fix_stack import Stack
from trading_core.approval.judgement import APPROVE, RUN
from trading_core.approval.request import Request
from trading_core.clock import poll, seconds
from trading_core.storage.connect import connect
from trading_core.storage.operations import approvals

ANN, BOB, CAT = Person("Ann Lee"), Person("bob"), Person("cat")
_SCOPES = {ANN.name: RUN, BOB.name: APPROVE, CAT.name: APPROVE}
_WITHIN = seconds(120)


@dataclass(frozen=True)
class House:
    """The sample on a stack: start it, see what it asks, answer, see whether the door is open."""

    stack: Stack
    orchestrator: Orchestrator
    tokens: Path

    def token(self, person: Person) -> Path:
        """Return the file with somebody's token."""
        return self.tokens / person.name.replace(" ", "-")

    def start(self, door: Path, starter: Person | None = None, **values: Any) -> FlowRun:
        """Start a run, by nobody in particular or with a proof of who starts it."""
        wanted = {"door": str(door), **values}
        if starter is not None:
            schema = self.orchestrator.deployment(NAME).schema
            own = {"token_file": self.token(starter)}
            settings = self.stack.settings.model_copy(update=own)
            wanted, unsigned = proven(settings, NAME, wanted, schema)
            assert not unsigned, unsigned
        return runner.start(self.orchestrator, NAME, wanted)

    def asked(self, run: FlowRun) -> Request:
        """Wait until a run asks, its form is open in Prefect, and return what it asks."""
        found: list[Request] = []

        def is_asked() -> bool:
            dsn = self.stack.settings.secret("operations_dsn")
            with connect(dsn, application="tests") as connection:
                found[:] = [r for r in approvals.open_requests(connection) if r.run_id == run.id]
            return bool(found) and self.state(run) == "PAUSED"

        assert poll(is_asked, within=_WITHIN), self.orchestrator.run(run.id)
        return found[0]

    def state(self, run: FlowRun) -> str:
        """Return where Prefect sees a run."""
        return self.orchestrator.run(run.id).state

    def approve(self, request: Request, person: Person, *more: str) -> tuple[int, str]:
        """Answer as a person would; return exit code and what was printed."""
        answer = ("approve", request.id, "--reason", "looked at it", *more)
        done = self.stack.tradeops(*answer, "--token-file", str(self.token(person)))
        return done.returncode, done.stdout + done.stderr

    def ended(self, run: FlowRun) -> tuple[FlowRun, list[str]]:
        """Wait for a run's end; return it and its lines."""
        memory = Memory()
        return runner.follow(self.orchestrator, run, memory, within=_WITHIN), memory.lines


@contextmanager
def gated_house(stack: Stack, tokens: Path) -> Iterator[House]:
    """Deploy the gated sample and give three people their tokens, for a `with` block."""
    for person in (ANN, BOB, CAT):
        enrol(stack.settings.secret("operations_owner_dsn"), person, scope=_SCOPES[person.name])
    with Orchestrator.of(stack.settings) as orchestrator:
        house = House(stack, orchestrator, tokens)
        for person in (ANN, BOB, CAT):
            house.token(person).write_text(person.token.text)
            house.token(person).chmod(0o600)
        orchestrator.deploy(
            NAME,
            {
                "name": NAME,
                "entrypoint": f"{gated_sample.fn.__module__}.gated_sample",
                "work_pool_name": POOL,
                "parameter_openapi_schema": gated_sample.parameters.model_dump(),
                "enforce_parameter_schema": True,
            },
        )
        try:
            yield house
        finally:
            orchestrator.undeploy(orchestrator.deployment(NAME))
