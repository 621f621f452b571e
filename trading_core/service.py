"""What every HTTP service of the core shares.

Health that is measured at each question, metrics, status, JSON logs, a bearer token before
anything that changes the world, and a shutdown that finishes what it began. A service adds its
own endpoints to the app that `build_app` returns and hands it to `serve`.
"""

import os
import secrets
import signal
import sys
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractContextManager, asynccontextmanager, nullcontext
from typing import Any

import structlog
import uvicorn
from fastapi import FastAPI, HTTPException, Request, Response
from fastapi.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from trading_core.clock import SystemClock, stopwatch_seconds
from trading_core.errors import (
    CheckFailed,
    ConfigurationError,
    InvariantViolated,
    NotVerified,
    TradingError,
    Unreachable,
)
from trading_core.health import Check, Health
from trading_core.logs import configure_logs
from trading_core.metrics import EXPOSITION_TYPE, Metrics
from trading_core.settings import Settings

log = structlog.get_logger(__name__)

_HTTP_STATUS: dict[type[TradingError], int] = {
    ConfigurationError: 422,
    CheckFailed: 409,
    NotVerified: 504,
    Unreachable: 503,
    InvariantViolated: 500,
}


def build_app(
    name: str,
    settings: Settings,
    *,
    checks: Mapping[str, Check],
    status: Callable[[], dict[str, Any]],
    metrics: Metrics,
    running: AbstractContextManager[object] | None = None,
) -> FastAPI:
    """Return an app with the endpoints every service has.

    `/health` answers 200 or 503; `/health/detailed` the same with each check; `/status` who and
    what this process is; `/metrics` the text format of Prometheus.

    Args:
        name: The service's name in the service table.
        checks: Asked at every `/health`; one that raises counts as failed.
        status: The service's own part of `/status`.
        running: Entered when the server starts and left when it stops: threads, connections.

    Raises:
        ConfigurationError: There is no control token to compare with.
    """

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        with running if running is not None else nullcontext():
            yield

    app = FastAPI(title=name, docs_url=None, redoc_url=None, lifespan=lifespan)
    # What a service tells at `/health` beside how it is.
    app.state.health_facts = dict
    app.state.control_token = settings.secret("control_token").get_secret_value()
    app.add_middleware(_Measured, metrics=metrics)
    _answer_errors_in_words(app, metrics)
    _add_health(app, name, checks)
    _add_facts(app, name, status, metrics)
    return app


def require_control(request: Request) -> None:
    """Let a request through only when it carries the control token (a FastAPI dependency).

    Raises:
        HTTPException: 401, the header `Authorization: Bearer <control_token>` is absent or wrong.
    """
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    expected: str = request.app.state.control_token
    if scheme.lower() != "bearer" or not secrets.compare_digest(token.encode(), expected.encode()):
        raise HTTPException(
            401, "control token absent or wrong", headers={"WWW-Authenticate": "Bearer"}
        )


def answer_in_words(error: TradingError) -> JSONResponse:
    """Return what a caller is told of an error of ours: its class, its fact, its next step."""
    return JSONResponse(
        {"code": type(error).__name__, "message": str(error), "next_step": error.next_step},
        status_code=next(
            (status for kind, status in _HTTP_STATUS.items() if isinstance(error, kind)), 500
        ),
    )


def serve(app: FastAPI, name: str, settings: Settings) -> None:
    """Answer requests until SIGTERM or SIGINT, finish those under way, exit with 0."""
    configure_logs(name)
    for number in (signal.SIGTERM, signal.SIGINT):
        # uvicorn handles the signal, and raises it again once it has shut down: then it is ours.
        signal.signal(number, lambda *_: sys.exit(0))
    config = uvicorn.Config(
        app,
        host=settings.host,
        port=settings.port(name),
        log_config=None,
        access_log=False,
        timeout_graceful_shutdown=5,
    )
    uvicorn.Server(config).run()


def _add_health(app: FastAPI, name: str, checks: Mapping[str, Check]) -> None:
    started_seconds = stopwatch_seconds()

    def measure() -> tuple[bool, dict[str, Health]]:
        found = {subject: _asked(check) for subject, check in checks.items()}
        return all(health.ok or not health.needed for health in found.values()), found

    @app.get("/health")
    def health(response: Response) -> dict[str, Any]:
        ok, _ = measure()
        response.status_code = 200 if ok else 503
        facts: dict[str, Any] = app.state.health_facts()
        return {"service": name, "status": "ok" if ok else "degraded", **facts}

    @app.get("/health/detailed")
    def health_detailed(response: Response) -> dict[str, Any]:
        ok, found = measure()
        response.status_code = 200 if ok else 503
        return {
            "service": name,
            "status": "ok" if ok else "degraded",
            "uptime_seconds": round(stopwatch_seconds() - started_seconds, 3),
            "checks": {
                subject: {"ok": health.ok, "detail": health.detail, "needed": health.needed}
                for subject, health in found.items()
            },
        }


def _asked(check: Check) -> Health:
    try:
        return check()
    except Exception as error:  # noqa: BLE001 - a check that crashed has not shown health
        return Health(ok=False, detail=f"could not be measured: {type(error).__name__}: {error}")


def _add_facts(
    app: FastAPI, name: str, status: Callable[[], dict[str, Any]], metrics: Metrics
) -> None:
    started_at = SystemClock().now()

    @app.get("/status")
    def service_status() -> dict[str, Any]:
        return {"service": name, "pid": os.getpid(), "started_at": started_at, **status()}

    @app.get("/metrics")
    def exposition() -> Response:
        return Response(metrics.exposition(), media_type=EXPOSITION_TYPE)


def _answer_errors_in_words(app: FastAPI, metrics: Metrics) -> None:
    errors = metrics.counter("trading_errors_total")

    @app.exception_handler(TradingError)
    def in_words(_request: Request, error: TradingError) -> JSONResponse:
        errors.labels(type(error).__name__).inc()
        return answer_in_words(error)

    @app.exception_handler(Exception)
    def unforeseen(request: Request, error: Exception) -> JSONResponse:
        errors.labels(type(error).__name__).inc()
        log.error("request failed", path=request.url.path, exc_info=error)
        return JSONResponse({"code": type(error).__name__, "message": str(error)}, status_code=500)


class _Measured:
    """Counts and times each request under the path's template, never its raw text."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app = app
        self._requests = metrics.counter("http_requests_total")
        self._durations = metrics.histogram("trading_api_request_duration_seconds")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began_seconds = stopwatch_seconds()
        status = 500

        async def observed(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, observed)
        finally:
            path = getattr(scope.get("route"), "path", "unknown")
            self._requests.labels(scope["method"], path, str(status)).inc()
            self._durations.labels(scope["method"], path).observe(
                stopwatch_seconds() - began_seconds
            )
