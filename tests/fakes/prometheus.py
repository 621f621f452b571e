"""Prometheus' four paths over HTTP, with the answers a test lays down."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from string import Template
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tasks.health.performance import UP_OF_A_DAY
from tests.fakes.http_answers import answering
from trading_core.services import SERVICES
from trading_core.settings import Settings
from trading_core.status.probes.metrics import QUESTIONS

OURS = [row.name for row in SERVICES if row.module]


class FakePrometheus:
    """What it knows; a system that is well, until a test says otherwise.

    Attributes:
        values: By indicator, in its unit.
        failed_percent: The share of failed requests that `watch-errors` asks for.
        unseen: Jobs whose scraping fails.
        broken_rules: Rules that do not evaluate.
        firing: Alerts that fire.
        up: By job, for which share of a day it was up.
    """

    def __init__(self) -> None:
        self.values = dict.fromkeys(QUESTIONS, 0.0) | {"orders_filled_percent": 100.0}
        self.failed_percent = 0.0
        self.unseen: set[str] = set()
        self.broken_rules: set[str] = set()
        self.firing: set[str] = set()
        self.up = dict.fromkeys(OURS, 1.0)
        self.settings = Settings()

    def answer(self, path: str, expression: str) -> Any:
        """Return the data of one path."""
        if path.endswith("/targets"):
            return {"activeTargets": [self._target(name) for name in OURS]}
        if path.endswith("/rules"):
            names = {"ServiceDown", *self.broken_rules}
            rules = [{"name": one, "health": self._health(one)} for one in sorted(names)]
            return {"groups": [{"rules": rules}]}
        if path.endswith("/alerts"):
            labels = [{"alertname": one, "severity": "P1"} for one in sorted(self.firing)]
            return {"alerts": [{"state": "firing", "labels": one} for one in labels]}
        if expression == UP_OF_A_DAY:
            shares = self.up.items()
            return {"result": [{"metric": {"job": k}, "value": [0, f"{v}"]} for k, v in shares]}
        return {"result": [{"metric": {}, "value": [0, f"{self._value(expression)}"]}]}

    def _value(self, expression: str) -> float:
        window = f"{self.settings.indicator_window_seconds:.0f}s"
        memory = f"{self.settings.service_memory_mb_max * 1e6:.0f}"
        for name, question in QUESTIONS.items():
            asked = Template(question.value).substitute(window=window, service_bytes=memory)
            if asked == expression:
                return self.values[name]
        return self.failed_percent if expression.startswith("100 * ") else 10.0

    def _target(self, name: str) -> dict[str, Any]:
        return {"labels": {"job": name}, "health": "down" if name in self.unseen else "up"}

    def _health(self, rule: str) -> str:
        return "err" if rule in self.broken_rules else "ok"


@contextmanager
def running_fake_prometheus() -> Iterator[FakePrometheus]:
    """Serve one; its settings lead to it."""
    one = FakePrometheus()

    def answer(asked: str) -> str:
        url = urlsplit(asked)
        [expression] = parse_qs(url.query).get("query", [""])
        return json.dumps({"status": "success", "data": one.answer(url.path, expression)})

    with answering(answer) as port:
        one.settings = Settings(ports={"prometheus": port})
        yield one
