"""What we ask of Prefect's server, over its REST API and without importing Prefect.

Importing Prefect takes seconds, and a person waits for this. Answers become small values here;
nothing of Prefect's own shapes goes further.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any, Self

import httpx

from deployments.incident_runner.wake import wake
from infra.embedded.prefect import INCIDENT_POOL
from trading_core.clock import SystemClock
from trading_core.errors import CheckFailed, ConfigurationError, Unreachable
from trading_core.settings import Settings

_ANSWER_WITHIN_SECONDS = 15
_PAGE = 200  # the server's own limit
_FINAL = frozenset({"COMPLETED", "FAILED", "CRASHED", "CANCELLED"})
_UNDER_WAY = frozenset({"PENDING", "RUNNING", "PAUSED", "CANCELLING"})


@dataclass(frozen=True, slots=True)
class Deployment:
    """One runbook as Prefect knows it.

    Attributes:
        schema: JSON schema of the flow's parameters.
        schedules: Cron lines with their time zone, as the server holds them.
        pool: The work pool its runs wait in.
    """

    id: str
    name: str
    version: str
    tags: tuple[str, ...]
    schema: Mapping[str, Any]
    schedules: tuple[Mapping[str, Any], ...]
    pool: str = ""


@dataclass(frozen=True, slots=True)
class FlowRun:
    """One run of a flow.

    Attributes:
        state: Prefect's type of it: SCHEDULED, PENDING, RUNNING, COMPLETED, ...
        state_name: The finer word: Late, AwaitingConcurrencySlot, ...
        message: What the state says for itself; for a failed run, its error.
        state_at: Since when.
        tags: What it was marked with when it was made.
    """

    id: str
    name: str
    deployment_id: str | None
    state: str
    state_name: str
    message: str
    state_at: datetime
    created_at: datetime
    tags: tuple[str, ...] = ()

    @property
    def is_final(self) -> bool:
        """Whether nothing more happens to it."""
        return self.state in _FINAL

    @property
    def is_under_way(self) -> bool:
        """Whether a process works on it, or is about to."""
        return self.state in _UNDER_WAY

    @property
    def is_completed(self) -> bool:
        """Whether it did what it promised."""
        return self.state == "COMPLETED"


@dataclass(frozen=True, slots=True)
class LogLine:
    """One line a run wrote."""

    id: str
    at: datetime
    level: int
    logger: str
    message: str


@dataclass(frozen=True, slots=True)
class Artifact:
    """Something a run published.

    Attributes:
        type: table, markdown, progress, link or image.
        data: As Prefect has it: a table's rows are JSON text, progress is a number of percent.
    """

    id: str
    key: str
    type: str
    description: str
    data: Any


class Orchestrator:
    """A client of Prefect's server. Close it, or use it in a `with` block."""

    def __init__(
        self,
        api_url: str,
        *,
        transport: httpx.BaseTransport | None = None,
        wake: Callable[[], None] = lambda: None,
    ) -> None:
        """Make one.

        Args:
            wake: Called when a run was created that the warm executor is to take.
        """
        self.api_url = api_url
        self._wake = wake
        self._client = httpx.Client(
            base_url=api_url,
            timeout=_ANSWER_WITHIN_SECONDS,
            transport=transport,
            trust_env=False,  # a proxy of the environment has no business on one machine
            verify=False,  # plain HTTP: reading certificates would cost every command 50 ms
        )

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """Return a client of this stack's server."""
        return cls(f"{settings.url('prefect_server')}/api", wake=partial(wake, settings))

    def close(self) -> None:
        """Let go of the connections."""
        self._client.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exit: object) -> None:
        self.close()

    def deployments(self) -> tuple[Deployment, ...]:
        """Return everything deployed, by name."""
        found = self._pages("/deployments/filter", {"sort": "NAME_ASC"})
        return tuple(_deployment(body) for body in found)

    def deployment(self, name: str) -> Deployment:
        """Return the deployment of one runbook.

        Raises:
            ConfigurationError: The runbook is not deployed.
        """
        named = {"deployments": {"name": {"any_": [name]}}, "sort": "NAME_ASC"}
        found = next(map(_deployment, self._pages("/deployments/filter", named)), None)
        if found is None:
            raise ConfigurationError(
                f"deployment {name}: expected one at {self.api_url}, found none",
                next_step="run `tradeops up`, which deploys every runbook",
            )
        return found

    def deploy(self, flow_name: str, body: Mapping[str, Any]) -> None:
        """Make or renew a deployment; `body` is as Prefect's API has it, without the flow's id."""
        flow = self._ask("POST", "/flows/", {"name": flow_name})
        self._ask("POST", "/deployments/", {**body, "flow_id": flow["id"]})

    def undeploy(self, deployment: Deployment) -> None:
        """Remove a deployment. Its runs stay."""
        self._ask("DELETE", f"/deployments/{deployment.id}")

    def start(
        self,
        deployment: Deployment,
        parameters: Mapping[str, Any],
        *,
        tags: Sequence[str] = (),
        idempotency_key: str | None = None,
    ) -> FlowRun:
        """Create a run, which a worker then takes.

        Args:
            idempotency_key: A second call with the same key returns the first call's run.

        Raises:
            ConfigurationError: The parameters do not fit the flow.
        """
        # The server scopes keys to the flow, not to the deployment.
        key = None if idempotency_key is None else f"{deployment.name}/{idempotency_key}"
        body = {"parameters": dict(parameters), "tags": list(tags), "idempotency_key": key}
        answer = self._client_answer("POST", f"/deployments/{deployment.id}/create_flow_run", body)
        if answer.status_code in (httpx.codes.CONFLICT, httpx.codes.UNPROCESSABLE_ENTITY):
            raise ConfigurationError(
                f"{deployment.name}: expected parameters that fit, was: {_detail(answer)}",
                next_step=f"correct them: {_parameters_in_words(deployment)}",
            )
        created = _flow_run(self._content(answer))
        if deployment.pool == INCIDENT_POOL:
            self._wake()
        return created

    def run(self, run_id: str) -> FlowRun:
        """Return one run as it is now."""
        return _flow_run(self._ask("GET", f"/flow_runs/{run_id}"))

    def runs(self, deployment: Deployment, *, tags: Sequence[str] = ()) -> tuple[FlowRun, ...]:
        """Return the runs of a deployment that carry all of `tags`, oldest first."""
        wanted: dict[str, Any] = {"deployment_id": {"any_": [deployment.id]}}
        if tags:
            wanted["tags"] = {"all_": list(tags)}
        body = {"flow_runs": wanted, "sort": "START_TIME_ASC"}
        found = [_flow_run(run) for run in self._pages("/flow_runs/filter", body)]
        return tuple(sorted(found, key=lambda run: run.created_at))

    def tagged(self, tag: str) -> tuple[FlowRun, ...]:
        """Return the runs of whatever deployment that carry a tag."""
        body = {"flow_runs": {"tags": {"all_": [tag]}}, "sort": "START_TIME_ASC"}
        return tuple(_flow_run(run) for run in self._pages("/flow_runs/filter", body))

    def logs(self, run_id: str, since: datetime | None = None) -> tuple[LogLine, ...]:
        """Return what a run wrote from `since` on, oldest first."""
        wanted: dict[str, Any] = {"flow_run_id": {"any_": [run_id]}}
        if since is not None:
            wanted["timestamp"] = {"after_": since.isoformat()}
        found = self._pages("/logs/filter", {"logs": wanted, "sort": "TIMESTAMP_ASC"})
        return tuple(_log_line(line) for line in found)

    def artifacts(self, run_id: str) -> tuple[Artifact, ...]:
        """Return what a run published, oldest first."""
        wanted = {"flow_run_id": {"any_": [run_id]}}
        found = self._pages("/artifacts/filter", {"artifacts": wanted, "sort": "ID_DESC"})
        return tuple(_artifact(body) for body in sorted(found, key=lambda body: body["created"]))

    def mark_crashed(self, run: FlowRun, why: str) -> None:
        """Write down that a run's process is gone, which frees its place for the next run."""
        self.set_state(run.id, "CRASHED", why)

    def set_state(self, run_id: str, state_type: str, why: str) -> None:
        """Put a run into a state, whatever it is in."""
        state = {"type": state_type, "name": state_type.capitalize(), "message": why}
        self._ask("POST", f"/flow_runs/{run_id}/set_state", {"state": state, "force": True})

    def let_go(self, run: FlowRun, why: str) -> None:
        """Have a run that waits begin now."""
        now = SystemClock().now().isoformat()
        details = {"scheduled_time": now}
        state = {"type": "SCHEDULED", "name": "Scheduled", "message": why, "state_details": details}
        self._ask("POST", f"/flow_runs/{run.id}/set_state", {"state": state, "force": True})
        self._wake()

    def due(self, pool: str, limit: int) -> list[dict[str, Any]]:
        """Return the runs of a pool that should begin now, as the API has them."""
        path = f"/work_pools/{pool}/get_scheduled_flow_runs"
        now = SystemClock().now().isoformat()
        found = self._ask("POST", path, {"scheduled_before": now, "limit": limit})
        return [one["flow_run"] for one in found]

    def claim(self, run_id: str) -> bool:
        """Take a scheduled run; False: somebody else has, or it was cancelled."""
        state = {"type": "PENDING", "name": "Pending"}
        answer = self._ask("POST", f"/flow_runs/{run_id}/set_state", {"state": state})
        return bool(answer["status"] == "ACCEPT")

    def under_way(self, pool: str) -> list[dict[str, Any]]:
        """Return the runs of a pool that somebody took and has not ended, as the API has them."""
        wanted = {"state": {"type": {"any_": sorted(_UNDER_WAY)}}}
        body = {"flow_runs": wanted, "work_pools": {"name": {"any_": [pool]}}}
        return self._pages("/flow_runs/filter", {**body, "sort": "START_TIME_ASC"})

    def runbook_of(self, run: Mapping[str, Any]) -> str:
        """Return the runbook a run is of: the name of its flow."""
        return str(self._ask("GET", f"/flows/{run['flow_id']}")["name"])

    def report_worker(self, pool: str, name: str) -> None:
        """Tell the server that a worker serves the pool."""
        self._ask("POST", f"/work_pools/{pool}/workers/heartbeat", {"name": name})

    def has_worker(self, pool: str) -> bool:
        """Whether a worker that serves `pool` has reported lately."""
        workers = self._ask("POST", f"/work_pools/{pool}/workers/filter", {})
        return any(worker["status"] == "ONLINE" for worker in workers)

    def _pages(self, path: str, body: Mapping[str, Any]) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        while True:
            page = self._ask("POST", path, {**body, "limit": _PAGE, "offset": len(found)})
            found += page
            if len(page) < _PAGE:
                return found

    def _ask(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Any:
        return self._content(self._client_answer(method, path, body))

    def _client_answer(
        self, method: str, path: str, body: Mapping[str, Any] | None
    ) -> httpx.Response:
        try:
            answer = self._client.request(method, path, json=body)
        except httpx.TransportError as error:
            raise self._unreachable(f"{type(error).__name__}: {error}") from error
        if answer.is_server_error:
            raise self._unreachable(f"{answer.status_code} for {path}")
        return answer

    def _content(self, answer: httpx.Response) -> Any:
        if not answer.is_success:
            raise CheckFailed(
                f"Prefect: {answer.request.url.path} was refused with {answer.status_code}: "
                f"{_detail(answer)}",
                next_step="see the log of prefect_server",
            )
        return answer.json() if answer.content else None

    def _unreachable(self, found: str) -> Unreachable:
        return Unreachable(
            f"Prefect: expected an answer of {self.api_url}, was {found}",
            next_step="see `tradeops status`; `tradeops run NAME --local` needs no server",
        )


def _deployment(body: Mapping[str, Any]) -> Deployment:
    return Deployment(
        id=body["id"],
        name=body["name"],
        version=body["version"] or "",
        tags=tuple(body["tags"]),
        schema=body["parameter_openapi_schema"] or {},
        schedules=tuple(
            {**line["schedule"], "active": line["active"]} for line in body["schedules"]
        ),
        pool=body.get("work_pool_name") or "",
    )


def _flow_run(body: Mapping[str, Any]) -> FlowRun:
    state = body["state"]
    return FlowRun(
        id=body["id"],
        name=body["name"],
        deployment_id=body["deployment_id"],
        state=state["type"],
        state_name=state["name"],
        message=state["message"] or "",
        state_at=datetime.fromisoformat(state["timestamp"]),
        created_at=datetime.fromisoformat(body["created"]),
        tags=tuple(body.get("tags", ())),
    )


def _log_line(body: Mapping[str, Any]) -> LogLine:
    at = datetime.fromisoformat(body["timestamp"])
    return LogLine(body["id"], at, body["level"], body["name"], body["message"])


def _artifact(body: Mapping[str, Any]) -> Artifact:
    return Artifact(
        id=body["id"],
        key=body["key"] or "",
        type=body["type"] or "",
        description=body["description"] or "",
        data=body["data"],
    )


def _detail(answer: httpx.Response) -> str:
    try:
        content = answer.json()
    except ValueError:
        return answer.text[:300]
    return (
        str(content.get("detail") or content)[:300] if isinstance(content, dict) else str(content)
    )


def _parameters_in_words(deployment: Deployment) -> str:
    required = deployment.schema.get("required", [])
    names = deployment.schema.get("properties", {})
    return ", ".join(f"{name} (required)" if name in required else name for name in names) or "none"
