"""The stack's alerting without patience, and what it made of a fault, second by second."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import httpx
import psycopg

from infra.embedded import prometheus
from tests.fix_stack import Stack
from trading_core.clock import SystemClock, poll, seconds
from trading_core.peers import Peer

_WORD = {"reason": "the test is over", "actor": "tests"}


@contextmanager
def impatient(stack: Stack) -> Iterator[None]:
    """Have alerts fire as soon as their condition is seen, for the length of a `with` block."""
    rules = stack.settings.root / "prometheus" / "alerts.yml"
    patient = rules.read_text()
    hasty = stack.settings.model_copy(update={"alert_for_seconds_max": 0.0})
    rules.write_text(prometheus.rules_of(hasty))
    _reload(stack)
    try:
        yield
    finally:
        rules.write_text(patient)
        _reload(stack)


def _reload(stack: Stack) -> None:
    url = stack.settings.url("prometheus")
    before = _loaded_at(url)
    stack.process("prometheus").send_signal(signal.SIGHUP)
    assert poll(lambda: _loaded_at(url) != before, within=seconds(20)), "the rules are not loaded"


def _loaded_at(url: str) -> str:
    answer = httpx.get(
        f"{url}/api/v1/status/runtimeinfo", trust_env=False, verify=False, timeout=20
    )
    return str(answer.json()["data"]["lastConfigTime"])


@dataclass(frozen=True)
class Course:
    """What became of one fault. Seconds, from the fault on.

    Attributes:
        heard: Until the gateway had the alert.
        protected: Until the protective step was confirmed; None: it was not, or there was none.
        settled: Until the incident asked somebody or was closed.
    """

    incident: dict[str, Any]
    heard: float
    protected: float | None
    settled: float

    def __str__(self) -> str:
        contained = "-" if self.protected is None else f"{self.protected:.2f} s"
        return (
            f"heard after {self.heard:.2f} s, contained after {contained}, "
            f"{self.incident['status']} after {self.settled:.2f} s"
        )


def course_of(stack: Stack, alert: str, since: datetime, **labels: str) -> Course:
    """Wait until the incident of an alert that fires from `since` on is settled."""
    found: list[dict[str, Any]] = []

    def settled() -> bool:
        found[:] = incidents_of(stack, alert, since, labels)
        return bool(found) and found[0]["status"] in ("asking", "closed")

    assert poll(settled, within=seconds(150)), (found, episodes_of(stack, alert, since))
    seen = found[0]
    protected_at = seen["protected_at"] if seen["protection_held"] else None
    return Course(
        seen,
        heard=(seen["received_at"] - since).total_seconds(),
        protected=None if protected_at is None else (protected_at - since).total_seconds(),
        settled=(SystemClock().now() - since).total_seconds(),
    )


def incidents_of(
    stack: Stack, alert: str, since: datetime, labels: dict[str, str]
) -> list[dict[str, Any]]:
    """Return the incidents of an alert's episodes, each with its episode, the oldest first."""
    wanted = psycopg.types.json.Jsonb(labels)
    return _rows(
        stack,
        "SELECT i.*, e.received_at, e.protected_at, e.protection_held, e.protection_said,"
        " e.resolved_at, e.notified"
        " FROM alert_episodes e JOIN incidents i ON i.subject = e.episode"
        " WHERE e.alert_name = %s AND e.received_at >= %s AND e.labels @> %s"
        " ORDER BY e.received_at",
        (alert, since, wanted),
    )


def episodes_of(stack: Stack, alert: str, since: datetime) -> list[dict[str, Any]]:
    """Return the episodes of an alert, the oldest first."""
    return _rows(
        stack,
        "SELECT * FROM alert_episodes WHERE alert_name = %s AND received_at >= %s"
        " ORDER BY received_at",
        (alert, since),
    )


def timeline_of(stack: Stack, incident_id: str) -> list[str]:
    """Return the entries of an incident's timeline."""
    rows = _rows(
        stack,
        "SELECT entry FROM incident_timeline WHERE incident = %s ORDER BY seq",
        (incident_id,),
    )
    return [str(row["entry"]) for row in rows]


def _rows(stack: Stack, statement: str, values: tuple[Any, ...]) -> list[dict[str, Any]]:
    dsn = stack.settings.secret("operations_dsn").get_secret_value()
    with psycopg.connect(dsn, row_factory=psycopg.rows.dict_row) as connection:
        return connection.execute(statement.encode(), values).fetchall()


def trading_mode(stack: Stack) -> str:
    """Return what the executor says it is: running or halted."""
    with Peer(stack.settings, "trade_executor") as executor:
        return str(executor.get("/state")["mode"])


def let_trade(stack: Stack) -> None:
    """Close the breaker and end a halt, as two people would."""
    close_breaker(stack)
    with Peer(stack.settings, "gateway", answer_within=seconds(30)) as gateway:
        enabled = poll(lambda: _enabled(gateway), within=seconds(30))
    assert enabled, "trading was not enabled"


def await_quiet(stack: Stack, alert: str) -> None:
    """Wait until an alert does not fire: what fires on is the same episode, not a new one."""
    url = f"{stack.settings.url('prometheus')}/api/v1/alerts"

    def is_quiet() -> bool:
        found = httpx.get(url, trust_env=False, verify=False, timeout=20).json()["data"]["alerts"]
        return alert not in {one["labels"]["alertname"] for one in found}

    assert poll(is_quiet, within=seconds(60)), f"{alert} still fires"


def close_breaker(stack: Stack) -> None:
    """Close the breaker, whoever opened it; trading stays as it is otherwise."""
    with Peer(stack.settings, "gateway", answer_within=seconds(30)) as gateway:
        gateway.post("/api/v1/circuit-breaker/reset", _WORD)


def _enabled(gateway: Peer) -> bool:
    status = gateway.post("/api/v1/trading/enable", {**_WORD, "resume": True})
    return bool(status["state"]["accepts_orders"])
