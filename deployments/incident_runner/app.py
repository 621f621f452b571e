"""The warm executor over HTTP (8086): how it is, what it runs, and that there is something new."""

from collections.abc import Iterator
from contextlib import contextmanager

from fastapi import Depends, FastAPI

from deployments.incident_runner.calendar_watch import CalendarWatch
from deployments.incident_runner.executor import Runs, WarmExecutor
from deployments.incident_runner.wake import PATH
from trading_core.clock import SystemClock
from trading_core.metrics import Metrics
from trading_core.service import build_app, require_control
from trading_core.settings import Settings

NAME = "incident_runner"


def incident_runner_app(settings: Settings) -> FastAPI:
    """Return the service, wired to the stack that `settings` describe."""
    metrics = Metrics()
    watch = CalendarWatch(settings, SystemClock(), metrics)

    def warm() -> Runs:
        # Seconds of imports, in the executor's own thread: the service answers meanwhile.
        from deployments.incident_runner.warm import Engine

        engine = Engine()
        watch.warm_up()
        return engine

    executor = WarmExecutor(settings, metrics, warm)

    @contextmanager
    def running() -> Iterator[None]:
        with executor:
            yield

    app = build_app(
        NAME,
        settings,
        checks={"prefect": executor.health},
        status=lambda: {"running": executor.running()},
        metrics=metrics,
        running=running(),
    )

    @app.post(PATH, dependencies=[Depends(require_control)])
    def wake() -> dict[str, bool]:
        executor.wake()
        return {"looks": True}

    return app
