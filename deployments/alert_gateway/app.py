"""The alert gateway over HTTP (8085): Alertmanager's webhook, and test alerts on demand.

It needs neither the core nor Prefect nor, for what protects, a database.
"""

import secrets
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict
from datetime import UTC
from typing import Any

from fastapi import Depends, FastAPI, HTTPException, Request
from pydantic import BaseModel, ConfigDict, Field

from deployments.alert_gateway.dispatcher import Dispatcher
from deployments.alert_gateway.inbox import Inbox, TestAlerts
from deployments.alert_gateway.loops import Loop
from deployments.alert_gateway.protection import Guard
from deployments.alert_gateway.webhook import Delivery
from deployments.orchestrator import Orchestrator
from infra.channels import tell_due
from trading_core.clock import seconds
from trading_core.health import Health
from trading_core.metrics import Metrics
from trading_core.service import build_app, require_control
from trading_core.settings import Settings
from trading_core.storage.connect import Database
from trading_core.storage.operations import alert_inbox, incidents, notices

NAME = "alert_gateway"

# Alertmanager waits ten seconds for an answer; a database that says nothing gets one of them.
_DATABASE_WITHIN = seconds(1)


class Wanted(BaseModel):
    """A test alert that somebody asks for."""

    model_config = ConfigDict(extra="forbid")

    test: str = Field(pattern=r"^[A-Za-z0-9 :._-]{1,80}$")


class AlertGateway:
    """The gateway with everything it stands on."""

    def __init__(self, settings: Settings, metrics: Metrics) -> None:
        self.settings = settings
        self.operations = Database(
            settings.live_secret("operations_dsn"),
            application=NAME,
            connections_max=8,
            answer_within=_DATABASE_WITHIN,
        )
        self.orchestrator = Orchestrator.of(settings)
        self.guard = Guard(settings, metrics)
        self.tests = TestAlerts(metrics)
        self.dispatcher = Dispatcher(self.operations, self.orchestrator, metrics)
        self.inbox = Inbox(self.operations, self.guard, metrics, self.tests, self._wake)
        self._silence = metrics.gauge("alert_silence_seconds")
        self._notices = metrics.gauge("notices_waiting")
        self._remembers = False
        self._starting = Loop("start runbooks", self.dispatcher.start_runs, seconds(0.5))
        self._telling = Loop("tell people", self._tell, seconds(1))
        self._watching = Loop("watch", self._watch, seconds(1))

    @contextmanager
    def running(self) -> Iterator[None]:
        """Do the work behind the webhook for as long as the service runs."""
        with ExitStack() as opened:
            opened.enter_context(self.operations)
            opened.callback(self.orchestrator.close)
            for loop in (self._starting, self._telling, self._watching):
                loop.start()
                opened.callback(loop.stop)
            yield

    def alerting_health(self) -> Health:
        """Return whether the alert that always fires still arrives."""
        silence_seconds = self.inbox.dead_mans_switch.silence_seconds()
        detail = f"last heard of alerting {silence_seconds:.0f} s ago"
        return Health(
            ok=silence_seconds <= self.settings.alert_silence_seconds_max,
            detail=detail,
            needed=False,
        )

    def _wake(self) -> None:
        self._starting.wake()
        self._telling.wake()

    def _tell(self) -> None:
        self.dispatcher.tell_resolutions()
        tell_due(self.settings, self.operations)
        with self.operations.transaction() as connection:
            self._notices.set(notices.unsent(connection))

    def _watch(self) -> None:
        changed = self.guard.again()
        silence_seconds = self.inbox.dead_mans_switch.silence_seconds()
        self._silence.set(silence_seconds)
        with self.operations.transaction() as connection:
            if not self._remembers:
                self.guard.remember(alert_inbox.firing(connection))
                self._remembers = True
            for episode, done in changed.items():
                alert_inbox.set_protection(connection, episode, done.at, done.held, done.said)
                incident = incidents.about(connection, episode)
                if incident is not None and done.held:
                    incidents.set_contained(connection, incident.id, done.at)
                    incidents.note(connection, incident.id, "contained", done.said)
            if silence_seconds > self.settings.alert_silence_seconds_max:
                since = self.inbox.dead_mans_switch.heard_at.astimezone(UTC)
                words = (
                    f"P1 nothing was heard of alerting since {since:%F %T} UTC: Prometheus or "
                    "Alertmanager is down. No alert would arrive; look with `tradeops status`"
                )
                notices.write(connection, "alerting", f"silent since {since:%F %T}", words)


def require_alert_token(request: Request) -> None:
    """Let Alertmanager through, and nobody without its token (a FastAPI dependency).

    Raises:
        HTTPException: 401, the header `Authorization: Bearer <alert_token>` is absent or wrong.
    """
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    expected: str = request.app.state.alert_token
    if scheme.lower() != "bearer" or not secrets.compare_digest(token.encode(), expected.encode()):
        raise HTTPException(401, "alert token absent or wrong")


def alert_gateway_app(settings: Settings) -> FastAPI:
    """Return the service, wired to the stack that `settings` describe.

    Raises:
        ConfigurationError: A secret is missing.
    """
    metrics = Metrics()
    gateway = AlertGateway(settings, metrics)
    app = build_app(
        NAME,
        settings,
        checks={
            "database": gateway.operations.health,
            "alerting": gateway.alerting_health,
        },
        status=lambda: {"heard_of_alerting_at": gateway.inbox.dead_mans_switch.heard_at},
        metrics=metrics,
        running=gateway.running(),
    )
    app.state.alert_token = settings.secret("alert_token").get_secret_value()
    _add_webhook(app, gateway)
    _add_tests(app, gateway)
    _add_questions(app, gateway)
    return app


def _add_webhook(app: FastAPI, gateway: AlertGateway) -> None:
    @app.post("/alertmanager", dependencies=[Depends(require_alert_token)])
    def alertmanager(delivery: Delivery) -> dict[str, int]:
        return {"episodes": gateway.inbox.take(delivery)}


def _add_tests(app: FastAPI, gateway: AlertGateway) -> None:
    @app.post("/test-alerts", dependencies=[Depends(require_control)])
    def request_test(wanted: Wanted) -> dict[str, Any]:
        gateway.tests.request(wanted.test)
        return {"test": wanted.test}

    @app.get("/test-alerts/{test}")
    def test_alert(test: str) -> dict[str, Any]:
        return {"test": test, "received_at": gateway.tests.received_at(test)}


def _add_questions(app: FastAPI, gateway: AlertGateway) -> None:
    @app.get("/api/v1/incidents")
    def not_closed() -> dict[str, Any]:
        with gateway.operations.transaction() as connection:
            return {"incidents": [asdict(one) for one in incidents.not_closed(connection)]}
