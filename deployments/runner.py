"""Start a runbook through its deployment, and stay with it to the end.

A run belongs to the worker, not to the terminal: whoever follows it may leave and come back. What
a run is *about* (its window: a session, an incident) is a tag on it; starting the same runbook in
the same window joins the run that is already under way.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Protocol

from deployments import orphans, parameters
from deployments.orchestrator import Artifact, FlowRun, LogLine, Orchestrator
from infra.embedded.prefect import POOL
from trading_core.clock import pause, poll, seconds, stopwatch_seconds
from trading_core.errors import NotVerified, Unreachable

_LOOK_EVERY = seconds(0.4)
_TAKEN_WITHIN_SECONDS = 45
_SERVER_AWAY_SECONDS_MAX = 120
_LAST_LINES_WITHIN = seconds(4)
# A line can arrive after a younger one: logs are sent in batches.
_LINES_ARE_LATE_BY = seconds(20)
# Of the flow run itself: each of its tasks finishes with such a line as well.
_LAST_LINE = ("prefect.flow_runs", "Finished in state")


class Watcher(Protocol):
    """Somebody who is told what a run does, as it does it."""

    def state(self, run: FlowRun) -> None:
        """The run came into another state."""
        ...

    def line(self, line: LogLine) -> None:
        """The run wrote a line."""
        ...

    def progress(self, artifact: Artifact) -> None:
        """The run published or moved a progress artifact; its data is percent."""
        ...

    def note(self, words: str) -> None:
        """Something about the run that the run itself cannot say."""
        ...


def start(
    orchestrator: Orchestrator,
    name: str,
    values: Mapping[str, Any],
    *,
    window: str | None = None,
) -> FlowRun:
    """Create a run of a runbook, or join the one under way in the same window.

    Args:
        orchestrator: Prefect's server.
        name: The runbook's.
        values: The flow's parameters; one that is absent has the flow's default.
        window: What the run is about; absent: every call makes a run of its own.

    Raises:
        ConfigurationError: It is not deployed, or the parameters do not fit.
    """
    deployment = orchestrator.deployment(name)
    parameters.require_known(name, values, deployment.schema)
    orphans.bury(orchestrator, deployment)
    if window is None:
        return orchestrator.start(deployment, values)
    tag = f"window:{window}"
    earlier = orchestrator.runs(deployment, tags=[tag])
    if earlier and not earlier[-1].is_final:
        return earlier[-1]
    # Two who start at the same moment count the same earlier runs, and so get the same run.
    key = f"{window}/{len(earlier) + 1}"
    return orchestrator.start(deployment, values, tags=[tag], idempotency_key=key)


def follow(
    orchestrator: Orchestrator,
    run: FlowRun,
    watcher: Watcher,
    *,
    within: timedelta | None = None,
) -> FlowRun:
    """Stay with a run until it has ended, telling `watcher` all it does; return it ended.

    A server that is away for a while is waited for: a supervisor brings it back.

    Raises:
        NotVerified: The run has not ended `within` that time. It goes on without us.
        Unreachable: The server did not come back.
    """
    view = _View(orchestrator, watcher, run)
    watcher.state(run)
    began_seconds = stopwatch_seconds()
    while not view.run.is_final:
        waited_seconds = stopwatch_seconds() - began_seconds
        if within is not None and waited_seconds > within.total_seconds():
            raise NotVerified(
                f"{run.name}: expected an end within {within.total_seconds():.0f} s, "
                f"was {view.run.state_name}",
                next_step=f"look at the run in the Prefect UI: /runs/flow-run/{run.id}",
            )
        view.explain_waiting(waited_seconds)
        pause(_LOOK_EVERY)
        view.look()
    poll(view.told_last_line, within=_LAST_LINES_WITHIN, every=_LOOK_EVERY)
    return view.run


@dataclass
class _View:
    """What has been seen of one run, so that each thing is told once."""

    orchestrator: Orchestrator
    watcher: Watcher
    run: FlowRun
    told: set[str] = field(default_factory=set)
    newest: datetime | None = None
    percent: dict[str, Any] = field(default_factory=dict)
    away_since_seconds: float | None = None
    explained: bool = False

    def look(self) -> None:
        """See what is new; bear it when the server does not answer, for a while."""
        try:
            run = self.orchestrator.run(self.run.id)
            self.told_last_line()
            self._tell_progress()
        except Unreachable:
            now_seconds = stopwatch_seconds()
            if self.away_since_seconds is None:
                self.away_since_seconds = now_seconds
                self.watcher.note("Prefect's server does not answer; waiting for it")
            if now_seconds - self.away_since_seconds > _SERVER_AWAY_SECONDS_MAX:
                raise
            return
        self.away_since_seconds = None
        if run.state_name != self.run.state_name:
            self.watcher.state(run)
        self.run = run

    def explain_waiting(self, waited_seconds: float) -> None:
        """Say, once, why a run does not begin."""
        if self.explained or self.run.state != "SCHEDULED":
            return
        if waited_seconds > _TAKEN_WITHIN_SECONDS and not self._is_served():
            self.explained = True
            self.watcher.note("no worker takes it: see `tradeops status`, log prefect_worker")

    def told_last_line(self) -> bool:
        """Tell the lines not told yet; say whether Prefect's own last one is among them all."""
        since = None if self.newest is None else self.newest - _LINES_ARE_LATE_BY
        complete = False
        for line in self.orchestrator.logs(self.run.id, since):
            logger, words = _LAST_LINE
            complete |= line.logger == logger and line.message.startswith(words)
            if line.id not in self.told:
                self.told.add(line.id)
                self.newest = line.at if self.newest is None else max(self.newest, line.at)
                self.watcher.line(line)
        return complete

    def _tell_progress(self) -> None:
        for artifact in self.orchestrator.artifacts(self.run.id):
            if artifact.type == "progress" and self.percent.get(artifact.id) != artifact.data:
                self.percent[artifact.id] = artifact.data
                self.watcher.progress(artifact)

    def _is_served(self) -> bool:
        try:
            return self.orchestrator.has_worker(POOL)
        except Unreachable:
            return True  # that the server is away is said already
