"""The part of Prefect's REST API that starts runs, in memory: keys, states, and being away."""

import json
import uuid
from typing import Any

import httpx

NOW = "2026-11-20T12:00:00Z"


class FakePrefect:
    """Deployments by name, and the runs created of them.

    Attributes:
        away: It answers 503 to everything.
        runs: Each run as it was asked for, by its idempotency key.
        pools: The work pool of a deployment, by its name, where that matters.
    """

    def __init__(self, **schemas: tuple[str, ...]) -> None:
        self.away = False
        self.runs: dict[str, dict[str, Any]] = {}
        self.pools: dict[str, str] = {}
        self._schemas = {name.replace("_", "-"): names for name, names in schemas.items()}

    def transport(self) -> httpx.MockTransport:
        """Return what an `httpx.Client` speaks to it through."""
        return httpx.MockTransport(self._answer)

    def _answer(self, request: httpx.Request) -> httpx.Response:
        if self.away:
            return httpx.Response(503)
        body = json.loads(request.content or b"{}")
        path = request.url.path
        if path.endswith("/deployments/filter"):
            wanted = body["deployments"]["name"]["any_"]
            return httpx.Response(200, json=[self._deployment(n) for n in wanted if n in self])
        if path.endswith("/create_flow_run"):
            name = path.split("/")[-2]
            return httpx.Response(201, json=self._created(name, body))
        return httpx.Response(404)

    def __contains__(self, name: object) -> bool:
        return name in self._schemas

    def _deployment(self, name: str) -> dict[str, Any]:
        properties = {one: {"type": "string"} for one in self._schemas[name]}
        return {
            "id": name,
            "name": name,
            "version": "1",
            "tags": [],
            "schedules": [],
            "work_pool_name": self.pools.get(name),
            "parameter_openapi_schema": {"properties": properties},
        }

    def _created(self, name: str, body: dict[str, Any]) -> dict[str, Any]:
        run = {
            "id": str(uuid.uuid4()),
            "name": "a-run",
            "deployment_id": name,
            "parameters": body["parameters"],
            "created": NOW,
            "state": {"type": "SCHEDULED", "name": "Scheduled", "message": "", "timestamp": NOW},
        }
        return self.runs.setdefault(body["idempotency_key"], run)
