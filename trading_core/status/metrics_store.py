"""Questions to Prometheus: an expression now, its targets, its rules.

Two of its paths and no library: what the gateway asks every few seconds must not cost it pandas.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Self

import httpx

from trading_core.errors import Unreachable
from trading_core.settings import Settings

_ANSWER_WITHIN_SECONDS = 3.0


@dataclass(frozen=True, slots=True)
class Sample:
    """One series of an answer."""

    labels: dict[str, str]
    value: float


class MetricsStore:
    """Prometheus of the stack that `settings` describe.

    Every method raises `Unreachable` when it does not answer, or refuses the expression.
    """

    def __init__(self, settings: Settings, at: datetime | None = None) -> None:
        """`at` is the moment that expressions are asked of; None: now."""
        self._at = {} if at is None else {"time": f"{at.timestamp():.3f}"}
        self._client = httpx.Client(
            base_url=settings.url("prometheus"),
            timeout=_ANSWER_WITHIN_SECONDS,
            trust_env=False,
            verify=False,  # plain HTTP: reading certificates would cost every question 50 ms
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exit: object) -> None:
        self._client.close()

    def ask(self, expression: str) -> list[Sample]:
        """Return every series of an instant query."""
        found = self._get("/api/v1/query", {"query": expression, **self._at})["result"]
        return [Sample(one["metric"], float(one["value"][1])) for one in found]

    def number(self, expression: str) -> float | None:
        """Return the one number of an instant query; None: there is no such series, or no value."""
        found = self.ask(expression)
        return found[0].value if found and found[0].value == found[0].value else None

    def targets(self) -> dict[str, str]:
        """Return whether each scrape target is up, by job: up, down or unknown."""
        found = self._get("/api/v1/targets", {"state": "active"})["activeTargets"]
        return {one["labels"].get("job", "?"): one["health"] for one in found}

    def rules(self) -> dict[str, str]:
        """Return the health of each alerting rule: ok, err or unknown (not evaluated yet)."""
        groups = self._get("/api/v1/rules", {"type": "alert"})["groups"]
        return {one["name"]: one["health"] for group in groups for one in group["rules"]}

    def firing(self) -> list[str]:
        """Return the names of the alerts that fire and mean trouble."""
        found = self._get("/api/v1/alerts", {})["alerts"]
        told = [one["labels"] for one in found if one["state"] == "firing"]
        return sorted({one["alertname"] for one in told if one.get("severity") != "none"})

    def _get(self, path: str, parameters: dict[str, str]) -> Any:
        try:
            answer = self._client.get(path, params=parameters)
            content = answer.json()
        except (httpx.HTTPError, ValueError) as error:
            raise _unreachable(type(error).__name__) from error
        if content.get("status") != "success":
            raise _unreachable(f"{answer.status_code} {content.get('error', '')}")
        return content["data"]


def _unreachable(found: str) -> Unreachable:
    return Unreachable(
        f"Prometheus: expected an answer, was {found}",
        next_step="see `tradeops status` and the log of prometheus",
    )
