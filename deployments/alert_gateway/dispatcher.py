"""From the inbox to runbooks: one run for each episode, however often anybody dies in between.

Prefect creates one run for one idempotency key, and ours is the episode. So a run that was created
and not written down is found, not repeated.
"""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import structlog

from deployments.alert_gateway.protection import ACTOR
from deployments.orchestrator import Deployment, Orchestrator
from trading_core.clock import seconds
from trading_core.errors import ConfigurationError, TradingError
from trading_core.metrics import Metrics
from trading_core.storage.connect import Database
from trading_core.storage.operations import alert_inbox, incidents, notices
from trading_core.storage.operations.alert_inbox import Episode

_AGAIN_IN = seconds(0.5)
_AGAIN_IN_MAX = seconds(15)
# By then Prefect was away for longer than a restart takes: people should know.
_ATTEMPTS_BEFORE_TELLING = 5

log = structlog.get_logger(__name__)


class Dispatcher:
    """Starts what answers an episode, and tells its incident when the alert ends."""

    def __init__(self, operations: Database, orchestrator: Orchestrator, metrics: Metrics) -> None:
        self._operations = operations
        self._orchestrator = orchestrator
        self._waiting = metrics.gauge("alert_runs_waiting")

    def start_runs(self) -> None:
        """Start a run for each episode that has none; what fails is tried again later.

        Raises:
            Unreachable: The operations database does not answer.
        """
        with self._operations.transaction() as connection:
            found = alert_inbox.to_start(connection)
        for one in found:
            try:
                run_id = self._start(one)
            except TradingError as error:
                self._put_off(one, error)
            else:
                with self._operations.transaction() as connection:
                    alert_inbox.set_started(connection, one.episode, run_id)
                log.warning("runbook started", episode=one.episode, run_id=run_id)
        with self._operations.transaction() as connection:
            self._waiting.set(alert_inbox.waiting(connection))

    def tell_resolutions(self) -> None:
        """Write into each incident that its alert has ended.

        Raises:
            Unreachable: The operations database does not answer.
        """
        with self._operations.transaction() as connection:
            for one in alert_inbox.resolutions_to_tell(connection):
                incident = incidents.about(connection, one.episode)
                assert incident is not None, "only those with an incident were asked for"
                assert one.resolved_at is not None, "only ended ones were asked for"
                lasted_seconds = (one.resolved_at - one.starts_at).total_seconds()
                words = f"the alert {one.alert_name} ended after {lasted_seconds:.0f} s"
                incidents.note(connection, incident.id, "alert ended", words)
                notices.write(connection, incident.id, "alert ended", words)
                alert_inbox.set_resolution_told(connection, one.episode)

    def _start(self, one: Episode) -> str:
        deployment = self._orchestrator.deployment(one.runbook)
        values = parameters_for(one, deployment)
        return self._orchestrator.start(
            deployment, values, tags=[f"alert:{one.alert_name}"], idempotency_key=one.episode
        ).id

    def _put_off(self, one: Episode, error: TradingError) -> None:
        again_in = backoff(one.attempts)
        log.warning("runbook not started", episode=one.episode, error=str(error))
        with self._operations.transaction() as connection:
            alert_inbox.set_not_started(connection, one.episode, str(error), again_in)
            is_wrong = isinstance(error, ConfigurationError)
            if is_wrong or one.attempts + 1 == _ATTEMPTS_BEFORE_TELLING:
                words = (
                    f"{one.severity} {one.annotations.get('summary', one.alert_name)}: the runbook "
                    f"{one.runbook} could not be started: {error}. {one.protection_said}"
                )
                notices.write(connection, one.episode, "not started", words)


def parameters_for(one: Episode, deployment: Deployment) -> Mapping[str, Any]:
    """Return a run's parameters: the episode, and each label that the runbook has a word for."""
    known: Mapping[str, Any] = deployment.schema.get("properties", {})
    told = {name: value for name, value in one.labels.items() if name in known}
    return {**told, "alert": one.episode, "requested_by": ACTOR}


def backoff(attempts: int) -> timedelta:
    """Return how long to wait after so many attempts, the first at once."""
    longer: timedelta = _AGAIN_IN * 2 ** min(attempts, 10)
    return min(longer, _AGAIN_IN_MAX)
