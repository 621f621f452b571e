"""Takes the runs of the incident pool as soon as they are due, and runs them in threads.

One process at a time serves the pool, held by a lock that the system takes away when its holder
dies. Whoever gets the lock finds the runs that the holder before it left, and takes them again.
"""

import fcntl
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor, wait
from pathlib import Path
from threading import Event, Lock, Thread
from typing import Any, Protocol, Self, TextIO

import structlog

from deployments.orchestrator import Orchestrator
from infra.embedded.prefect import INCIDENT_POOL
from trading_core.clock import seconds, stopwatch_seconds
from trading_core.errors import TradingError
from trading_core.health import Health
from trading_core.metrics import Metrics
from trading_core.settings import Settings

WORKER = "incident_runner"

# By itself: for runs that Prefect's own page or a schedule made. Ours say that they are there.
_LOOK_EVERY_SECONDS = 1.0
_TRY_AGAIN_SECONDS = 1.0
_REPORT_EVERY_SECONDS = 10.0
_RUNS_AT_ONCE = 8
_DRAIN_WITHIN = seconds(40)
# A run that took its process with it so often is not tried again.
_BEGINNINGS_MAX = 4

log = structlog.get_logger(__name__)


class Runs(Protocol):
    """What runs a claimed run: the warm engine."""

    def run(self, name: str, body: Mapping[str, Any]) -> str:
        """Run it to its end, and return the type of its final state."""
        ...


class WarmExecutor:
    """The executor; entered, it serves the pool; left, it finishes what is under way."""

    def __init__(self, settings: Settings, metrics: Metrics, engine: Callable[[], Runs]) -> None:
        self._lock_file = settings.root / "incident_runner" / "lock"
        self._orchestrator = Orchestrator.of(settings)
        self._make_engine = engine
        self._active = metrics.gauge("incident_runs_active")
        self._ended = metrics.counter("incident_runs_total")
        self._threads = ThreadPoolExecutor(_RUNS_AT_ONCE, thread_name_prefix="run")
        self._stopping = Event()
        self._woken = Event()
        self._turn = Lock()
        self._running: dict[str, Any] = {}
        self._trouble = "not warm yet"
        self._thread = Thread(target=self._serve, name="poll", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_exit: object) -> None:
        self._stopping.set()
        self._woken.set()
        self._thread.join(timeout=10)
        with self._turn:
            under_way = list(self._running.values())
        left = wait(under_way, timeout=_DRAIN_WITHIN.total_seconds()).not_done
        if left:
            log.error("runs are left to the next process", count=len(left))
        self._threads.shutdown(wait=not left, cancel_futures=True)
        self._orchestrator.close()

    def wake(self) -> None:
        """Look for runs now."""
        self._woken.set()

    def running(self) -> tuple[str, ...]:
        """Return the ids of the runs under way."""
        with self._turn:
            return tuple(self._running)

    def health(self) -> Health:
        """Return whether runs are being taken. Not needed: it says so and heals by itself."""
        return Health(ok=not self._trouble, detail=self._trouble or "takes runs", needed=False)

    def _serve(self) -> None:
        engine = self._make_engine()
        with _sole(self._lock_file, self._stopping):
            self._until_done(self._take_what_was_left)
            reported_seconds = 0.0
            while not self._stopping.is_set():
                if stopwatch_seconds() - reported_seconds > _REPORT_EVERY_SECONDS:
                    self._until_done(self._report)
                    reported_seconds = stopwatch_seconds()
                # Before looking, not after: what is told meanwhile is looked for next.
                self._woken.clear()
                self._until_done(lambda: self._take(engine))
                self._woken.wait(_LOOK_EVERY_SECONDS)

    def _until_done(self, work: Callable[[], None]) -> None:
        """Try until it worked: a server that is away comes back."""
        while not self._stopping.is_set():
            try:
                work()
            except TradingError as error:
                self._trouble = str(error)
                log.warning("Prefect's server is away", error=str(error))
                self._stopping.wait(_TRY_AGAIN_SECONDS)
            else:
                self._trouble = ""
                return

    def _report(self) -> None:
        self._orchestrator.report_worker(INCIDENT_POOL, WORKER)

    def _take_what_was_left(self) -> None:
        for body in self._orchestrator.under_way(INCIDENT_POOL):
            if body["run_count"] >= _BEGINNINGS_MAX:
                why = f"it ended its process {body['run_count']} times"
                self._orchestrator.set_state(body["id"], "CRASHED", why)
            else:
                self._orchestrator.set_state(
                    body["id"], "SCHEDULED", "its process died; taken again"
                )
                log.warning("run taken again", run_id=body["id"], name=body["name"])

    def _take(self, engine: Runs) -> None:
        room = _RUNS_AT_ONCE - len(self.running())
        if room <= 0:
            return
        for body in self._orchestrator.due(INCIDENT_POOL, room):
            run_id = str(body["id"])
            if run_id in self.running() or not self._orchestrator.claim(run_id):
                continue
            name = self._orchestrator.runbook_of(body)
            with self._turn:
                future = self._threads.submit(self._run, engine, name, body)
                self._running[run_id] = future
            self._active.set(len(self.running()))

    def _run(self, engine: Runs, name: str, body: Mapping[str, Any]) -> None:
        log.info("run begins", run_id=body["id"], runbook=name)
        state = "CRASHED"
        try:
            state = engine.run(name, body)
        except BaseException as error:  # noqa: BLE001 - a run must not end the process of others
            log.error("run ended outside its engine", runbook=name, error=repr(error))
            self._give_up(str(body["id"]), error)
        finally:
            with self._turn:
                self._running.pop(str(body["id"]), None)
            self._active.set(len(self.running()))
            self._ended.labels(state).inc()
            log.info("run ended", run_id=body["id"], runbook=name, state=state)

    def _give_up(self, run_id: str, error: BaseException) -> None:
        """Have a run that its engine never finished not look as if it were under way."""
        try:
            self._orchestrator.set_state(run_id, "CRASHED", f"{type(error).__name__}: {error}")
        except TradingError as trouble:
            log.error("run not marked", run_id=run_id, error=str(trouble))


class _sole:  # noqa: N801 - read like a function, as context managers are
    """Hold the lock of the pool's one executor; wait for whoever holds it, or for the stop."""

    def __init__(self, path: Path, stopping: Event) -> None:
        self._path = path
        self._stopping = stopping
        self._file: TextIO | None = None

    def __enter__(self) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._file = self._path.open("w")
        while not self._stopping.is_set():
            try:
                fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                self._stopping.wait(_TRY_AGAIN_SECONDS)
            else:
                return

    def __exit__(self, *_exit: object) -> None:
        if self._file is not None:
            self._file.close()
