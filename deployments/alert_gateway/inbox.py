"""One delivery of alerts, taken: protect first, then write down, and only then be answered for.

A delivery that cannot be written down is refused as unreachable, which Alertmanager takes for
"again, later". By then the protective step is done.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from threading import BoundedSemaphore, Lock

import structlog

from deployments.alert_gateway.protection import Guard, Threat
from deployments.alert_gateway.webhook import DEAD_MANS_SWITCH, TEST_ALERT, Alert, Delivery
from trading_core.clock import SystemClock
from trading_core.errors import Unreachable
from trading_core.metrics import Metrics
from trading_core.storage.connect import Database
from trading_core.storage.operations import alert_inbox
from trading_core.storage.operations.alert_inbox import Episode

# More at once than the database takes: they wait at Alertmanager and not here.
_WRITERS_MAX = 8

log = structlog.get_logger(__name__)


class DeadMansSwitch:
    """When the alert that always fires was last heard of."""

    def __init__(self) -> None:
        self._clock = SystemClock()
        self.heard_at = self._clock.now()

    def heard(self) -> None:
        """Take note that alerting works."""
        self.heard_at = self._clock.now()

    def silence_seconds(self) -> float:
        """Return how long nothing was heard; a gateway that has just started has heard itself."""
        return (self._clock.now() - self.heard_at).total_seconds()


class TestAlerts:
    """The test alerts somebody asked for: a metric of 1 until Alertmanager brings it back.

    When it was asked for is a label, so every asking is an alert of its own. Without it
    Alertmanager would hold back a test that a gateway started anew sends again, as already told.
    """

    def __init__(self, metrics: Metrics) -> None:
        self._clock = SystemClock()
        self._gauge = metrics.gauge("alert_test_requested")
        self._turn = Lock()
        self._asked: dict[str, str] = {}
        self._received: dict[str, datetime | None] = {}

    def request(self, test: str) -> None:
        """Have the alert fire; asking again for one that was asked for changes nothing."""
        with self._turn:
            if test not in self._asked:
                self._asked[test] = self._clock.now().astimezone(UTC).isoformat()
                self._received[test] = None
                self._gauge.labels(test, self._asked[test]).set(1)

    def arrived(self, test: str, asked_at: str) -> None:
        """Take note that the alert came back through Prometheus and Alertmanager."""
        with self._turn:
            if self._asked.get(test) == asked_at and self._received[test] is None:
                self._received[test] = self._clock.now()
                self._gauge.remove(test, asked_at)

    def received_at(self, test: str) -> datetime | None:
        """Return when a test came back; None: not yet, or nobody asked for it."""
        with self._turn:
            return self._received.get(test)


class Inbox:
    """Takes deliveries. Threads may share one."""

    def __init__(
        self,
        operations: Database,
        guard: Guard,
        metrics: Metrics,
        tests: TestAlerts,
        on_received: Callable[[], None],
    ) -> None:
        self.dead_mans_switch = DeadMansSwitch()
        self._operations = operations
        self._guard = guard
        self._tests = tests
        self._on_received = on_received
        self._clock = SystemClock()
        self._received = metrics.counter("alerts_received_total")
        self._writers = BoundedSemaphore(_WRITERS_MAX)

    def take(self, delivery: Delivery) -> int:
        """Protect, write down; return how many episodes the delivery was about.

        Raises:
            Unreachable: The database did not take it, or too many are at it. What protects is done.
        """
        received_at = self._clock.now()
        episodes = [
            self._episode(alert, received_at)
            for alert in delivery.alerts
            if not self._concerns_alerting(alert)
        ]
        if delivery.truncated:
            log.error("alerts were left out by Alertmanager", count=delivery.truncated)
        if episodes:
            self._write(episodes)
            for one in episodes:
                if one.resolved_at is not None:
                    self._guard.forget(one.episode)
            self._on_received()
        return len(episodes)

    def _concerns_alerting(self, alert: Alert) -> bool:
        """Whether the alert is only about alerting itself; then it is dealt with."""
        self._received.labels(alert.status).inc()
        if alert.name == DEAD_MANS_SWITCH and alert.is_firing:
            self.dead_mans_switch.heard()
        if alert.name == TEST_ALERT and alert.is_firing:
            self._tests.arrived(alert.labels.get("test", ""), alert.labels.get("asked_at", ""))
        return alert.name in (DEAD_MANS_SWITCH, TEST_ALERT)

    def _episode(self, alert: Alert, received_at: datetime) -> Episode:
        step = alert.labels.get("protect", "")
        summary = alert.annotations.get("summary", alert.name)
        if step and alert.is_firing:
            self._guard.protect(Threat(alert.episode, step, summary))
        done = self._guard.protected(alert.episode)
        return Episode(
            episode=alert.episode,
            alert_name=alert.name,
            runbook=alert.labels.get("runbook", ""),
            severity=alert.labels.get("severity", "P2"),
            labels=alert.labels,
            annotations=alert.annotations,
            starts_at=alert.starts_at,
            received_at=received_at,
            protection=step,
            protected_at=None if done is None else done.at,
            protection_held=done is not None and done.held,
            protection_said="" if done is None else done.said,
            resolved_at=alert.resolved_at,
        )

    def _write(self, episodes: list[Episode]) -> None:
        if not self._writers.acquire(blocking=False):
            raise Unreachable(
                f"alert inbox: expected at most {_WRITERS_MAX} deliveries at once, were more",
                next_step="nothing: Alertmanager delivers them again",
            )
        try:
            with self._operations.transaction() as connection:
                for one in episodes:
                    alert_inbox.receive(connection, one)
        finally:
            self._writers.release()
