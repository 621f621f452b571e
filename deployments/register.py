"""Make Prefect know every runbook: one deployment each, and none for what is gone.

`python -m deployments.register` does it in a process of its own, because reading the typed
parameters means importing Prefect and every flow. Whether anything is to be done is asked
without either: each deployment carries a digest of the sources it was made from.
"""

import hashlib
import importlib
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import flows
import tasks
from deployments import runbooks
from deployments.orchestrator import Orchestrator
from deployments.runbooks import Runbook
from deployments.schedules import in_words, schedules_of
from infra.embedded import prefect as embedded_prefect
from infra.embedded.steps import Step
from tasks.planning.timetable import Line, line_of, require_known
from trading_core.clock import seconds
from trading_core.errors import InvariantViolated, NotVerified, TradingError, Unreachable
from trading_core.settings import Settings

if TYPE_CHECKING:
    from prefect import Flow

TAG = "tradeops"
INCIDENT_POOL = embedded_prefect.INCIDENT_POOL
# What must begin in tenths of a second; everything else is started in a process of its own.
_POOLS = {"incidents": INCIDENT_POOL}
_FOLDERS = (Path(flows.__file__).parent, Path(tasks.__file__).parent)
_FILES = (Path(__file__), Path(runbooks.__file__), Path(__file__).with_name("schedules.py"))
_WITHIN = seconds(90)


def register_all(settings: Settings) -> tuple[str, ...]:
    """Deploy every runbook, and undeploy those that no longer exist.

    Returns:
        Names of what is deployed, in order.

    Raises:
        ConfigurationError: A runbook's file or the timetable is wrong; nothing was deployed.
        Unreachable: The server did not answer.
    """
    found = runbooks.discover()
    require_known(runbook.name for runbook in found)
    made_from = {"version": version(settings)}
    bodies = {
        runbook.name: deployment_of(runbook, load(runbook), settings) | made_from
        for runbook in found
    }
    with Orchestrator.of(settings) as orchestrator:
        for name, body in bodies.items():
            orchestrator.deploy(name, body)
        for deployment in orchestrator.deployments():
            if TAG in deployment.tags and deployment.name not in bodies:
                orchestrator.undeploy(deployment)
    return tuple(bodies)


def is_registered(settings: Settings) -> bool:
    """Whether exactly the runbooks of this source tree are deployed, as they are now."""
    wanted = dict.fromkeys((one.name for one in runbooks.discover()), version(settings))
    try:
        with Orchestrator.of(settings) as orchestrator:
            there = {d.name: d.version for d in orchestrator.deployments() if TAG in d.tags}
    except Unreachable:
        return False
    return there == wanted


def version(settings: Settings) -> str:
    """Return the digest of everything a deployment is made from, 12 hex digits."""
    digest = hashlib.sha256(f"schedules active: {settings.schedules_active}".encode())
    for file in _source_files():
        digest.update(file.read_bytes())
    return digest.hexdigest()[:12]


def step(settings: Settings) -> Step:
    """Return the step of `tradeops up` that deploys the runbooks, in a process beside it."""
    log = settings.root / "logs" / "deployments.log"
    started: list[subprocess.Popen[bytes]] = []

    def begin() -> None:
        started.append(_spawn(settings, log))

    def is_ready() -> bool:
        if not started:
            return is_registered(settings)
        code = started[0].poll()
        if code:
            raise NotVerified(
                f"deployments: expected every runbook deployed, {_last_lines(log)}",
                next_step=f"correct the runbook and run `tradeops up` again; see {log}",
            )
        return code == 0

    return Step(
        "deployments",
        needs=("work_pool",),
        begin=begin,
        is_ready=is_ready,
        why_not=lambda: _last_lines(log),
        within=_WITHIN,
    )


def deployment_of(runbook: Runbook, flow: "Flow[Any, Any]", settings: Settings) -> dict[str, Any]:
    """Return the deployment as Prefect's API has it, but for its version."""
    line = line_of(runbook.name)
    return {
        "name": runbook.name,
        "description": _description(runbook, line),
        "tags": [TAG, runbook.group],
        "entrypoint": runbook.entrypoint,
        "work_pool_name": pool_of(runbook),
        "parameter_openapi_schema": flow.parameters.model_dump(),
        "enforce_parameter_schema": True,
        # No limit on concurrent runs: a killed run would keep its place, and a halt would wait
        # behind it. Two hands on one procedure are kept apart by the desk's lock, which ends with
        # its holder.
        "schedules": schedules_of(line, active=settings.schedules_active),
    }


def pool_of(runbook: Runbook) -> str:
    """Return the work pool whose executor takes a runbook's runs."""
    line = line_of(runbook.name)
    if line is not None and line.warm:
        return INCIDENT_POOL
    return _POOLS.get(runbook.group, embedded_prefect.POOL)


def _description(runbook: Runbook, line: Line | None) -> str:
    facts = {} if line is None else in_words(line)
    return "\n\n".join([runbook.description, *(f"**{k}:** {v}" for k, v in facts.items())])


def load(runbook: Runbook) -> "Flow[Any, Any]":
    """Import the runbook's flow."""
    module, _, function = runbook.entrypoint.rpartition(".")
    flow: Flow[Any, Any] = getattr(importlib.import_module(module), function)
    if flow.name != runbook.name:
        raise InvariantViolated(
            f"{runbook.path}: expected a flow named {runbook.name}, was {flow.name}",
            next_step="name the flow as its file",
        )
    return flow


def _source_files() -> Iterator[Path]:
    yield from _FILES
    for folder in _FOLDERS:
        yield from sorted(folder.rglob("*.py"))


def _spawn(settings: Settings, log: Path) -> subprocess.Popen[bytes]:
    log.parent.mkdir(parents=True, exist_ok=True)
    variables = os.environ | settings.environment() | embedded_prefect.environment(settings)
    command: Sequence[str] = (sys.executable, "-m", "deployments.register")
    with log.open("wb") as output:
        return subprocess.Popen(command, env=variables, stdout=output, stderr=subprocess.STDOUT)


def _last_lines(log: Path) -> str:
    lines = log.read_text(errors="replace").splitlines() if log.exists() else []
    return f"its log ends: {' | '.join(lines[-3:])}" if lines else "it wrote no log"


def main() -> None:
    """Deploy the runbooks of this source tree to the stack of this environment."""
    try:
        names = register_all(Settings.read())
    except TradingError as error:
        sys.exit(f"{error}\nnext: {error.next_step}")
    sys.stdout.write(f"deployed {', '.join(names)}\n")


if __name__ == "__main__":
    main()
