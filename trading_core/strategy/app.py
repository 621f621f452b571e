"""The strategy engine over HTTP (8002)."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import structlog
from fastapi import Depends, FastAPI
from pydantic import BaseModel, ConfigDict, Field

from trading_core.broker.http import Endpoint
from trading_core.broker.replay import Replay
from trading_core.clock import seconds, stopwatch_seconds
from trading_core.lockstep import MinuteEnd
from trading_core.market_data.client import MarketData
from trading_core.metrics import Metrics
from trading_core.peers import Peer
from trading_core.service import build_app, require_control
from trading_core.settings import Settings
from trading_core.storage.connect import Database
from trading_core.strategy.engine import StrategyEngine
from trading_core.strategy.overrides import Overrides
from trading_core.strategy.records import Records
from trading_core.strategy.surroundings import Executor, Surroundings

NAME = "strategy_engine"

log = structlog.get_logger(__name__)

# A minute of signals is sent order by order; each waits for the exchange.
_SIGNALS_WITHIN = seconds(20)


class Switch(BaseModel):
    """Let a strategy trade, or pause it."""

    model_config = ConfigDict(extra="forbid")

    enabled: bool
    reason: str = Field(min_length=1)
    actor: str = "operator"


class Changes(BaseModel):
    """New values of some parameters, beside who changes them and why."""

    model_config = ConfigDict(extra="allow")

    reason: str = Field(min_length=1)
    actor: str = "operator"


def strategy_app(settings: Settings) -> FastAPI:
    """Return the service, wired to the stack that `settings` describe."""
    metrics = Metrics()
    database = Database(settings.live_secret("trading_dsn"), application=NAME, connections_max=4)
    endpoint = Endpoint.of(settings)
    engine = StrategyEngine(
        Surroundings(
            exchange=Replay(endpoint),
            market=MarketData.of(settings),
            books=Records(database),
            executor=Executor(Peer(settings, "trade_executor", answer_within=_SIGNALS_WITHIN)),
        ),
        Overrides(settings.root / "strategy" / "overrides.json"),
    )

    @contextmanager
    def running() -> Iterator[None]:
        with database:
            yield

    app = build_app(
        NAME,
        settings,
        checks={"database": database.health},
        status=lambda: {**engine.standing(), "broker_key_id": endpoint.keys().key_id},
        metrics=metrics,
        running=running(),
    )
    _add_strategies(app, engine)
    _add_evaluation(app, engine, metrics)
    return app


def _add_strategies(app: FastAPI, engine: StrategyEngine) -> None:
    @app.get("/api/v1/strategies")
    def strategies() -> dict[str, Any]:
        return {"strategies": engine.describe()}

    @app.get("/api/v1/strategies/{name}")
    def strategy(name: str) -> dict[str, Any]:
        return engine.describe_one(name)

    @app.put("/api/v1/strategies/{name}", dependencies=[Depends(require_control)])
    def switch(name: str, body: Switch) -> dict[str, Any]:
        log.info("strategy switched", strategy=name, **body.model_dump())
        return engine.set_enabled(name, body.enabled, body.reason, body.actor)

    @app.put("/api/v1/strategies/{name}/parameters", dependencies=[Depends(require_control)])
    def parameters(name: str, body: Changes) -> dict[str, Any]:
        changes = body.model_extra or {}
        log.info("strategy parameters changed", strategy=name, changes=changes, **_who(body))
        return engine.set_parameters(name, changes, body.reason, body.actor)


def _add_evaluation(app: FastAPI, engine: StrategyEngine, metrics: Metrics) -> None:
    processed = metrics.counter("trading_messages_processed_total")
    durations = metrics.histogram("trading_processing_latency_seconds")

    @app.post("/cycle/evaluate", dependencies=[Depends(require_control)])
    def evaluate(minute: MinuteEnd) -> dict[str, Any]:
        began_seconds = stopwatch_seconds()
        evaluation = engine.evaluate(minute.now, minute.session_id)
        processed.inc(len(evaluation.signals))
        durations.observe(stopwatch_seconds() - began_seconds)
        if evaluation.signals:
            log.info("signals sent", now=minute.now, outcomes=evaluation.outcomes)
        return {
            "now": minute.now,
            "signals": len(evaluation.signals),
            "outcomes": evaluation.outcomes,
        }


def _who(body: Changes) -> dict[str, str]:
    return {"reason": body.reason, "actor": body.actor}
