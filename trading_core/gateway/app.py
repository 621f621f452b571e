"""The gateway over HTTP (8080): the control API, and the driver of the replayed session."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Literal

from fastapi import Depends, FastAPI, Response
from pydantic import BaseModel, ConfigDict, Field

from trading_core.broker.client import Broker
from trading_core.broker.http import Endpoint
from trading_core.broker.replay import Replay, ReplaySession, SessionRequest
from trading_core.clock import seconds
from trading_core.errors import Unreachable
from trading_core.gateway.minute import steps_of
from trading_core.gateway.protect import HaltReport, halt_core
from trading_core.gateway.session import SessionDriver
from trading_core.gateway.session_file import SessionFile
from trading_core.halt_request import HaltRequest, Kind
from trading_core.health import Health
from trading_core.metrics import Metrics
from trading_core.peers import Peer
from trading_core.service import build_app, require_control
from trading_core.settings import Settings
from trading_core.storage.connect import Database
from trading_core.storage.operations.fences import next_fence
from trading_core.storage.trading import days

NAME = "gateway"

# Paths the seed runbooks ask; the services they mean.
_HEALTH_PATHS = {
    "market-data": "market_data",
    "execution-engine": "trade_executor",
    "risk-manager": "risk_manager",
    "strategy-engine": "strategy_engine",
}


class Word(BaseModel):
    """Who says something about trading, and why.

    Attributes:
        fence: The caller's fencing token. Absent, a halt holds all the same, and anything that
            permits is given a new one.
    """

    model_config = ConfigDict(extra="forbid")

    reason: str = Field(min_length=1)
    actor: str = Field(min_length=1)
    fence: int | None = Field(default=None, ge=0)


class EnableWord(Word):
    """Allow trading; `resume` also ends a halt."""

    resume: bool = False


class OpenSession(BaseModel):
    """Which day to replay; see `broker.replay.SessionRequest`."""

    model_config = ConfigDict(extra="forbid")

    source: Literal["bars", "synthetic"]
    date: date
    directory: Path | None = None
    symbols: tuple[str, ...] | None = None
    seed: int = 0
    cash_usd: Annotated[Decimal, Field(gt=0)] | None = None

    def request(self) -> SessionRequest:
        """Return the request as the exchange's client wants it."""
        directory = None if self.directory is None else self.directory.expanduser().absolute()
        return SessionRequest(
            self.source, self.date, directory, self.symbols, self.seed, self.cash_usd
        )


class Pause(BaseModel):
    """Let market time stand still."""

    model_config = ConfigDict(extra="forbid")

    reason: str = Field(min_length=1)


class Days:
    """The table of trading days."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def open_day(self, session: ReplaySession) -> None:
        """Write down that the session's day was opened; idempotent."""
        with self._database.transaction() as connection:
            days.open_day(connection, session.account_number, session.date, session.source)


def gateway_app(settings: Settings) -> FastAPI:
    """Return the service, wired to the stack that `settings` describe."""
    database = Database(settings.live_secret("trading_dsn"), application=NAME, connections_max=4)
    operations = Database(
        settings.live_secret("operations_dsn"), application=NAME, connections_max=2
    )
    endpoint = Endpoint.of(settings)
    exchange = Replay(endpoint)
    executor = Peer(settings, "trade_executor")
    metrics = Metrics()
    driver = SessionDriver(
        exchange,
        Days(database),
        steps_of(settings, exchange),
        SessionFile(settings.root),
        observe_minute_seconds=metrics.histogram("trading_processing_latency_seconds").observe,
    )

    app = build_app(
        NAME,
        settings,
        checks={
            # The kill switch works without either: the gateway is well even when they are not.
            "database": lambda: replace(database.health(), needed=False),
            "trade_executor": lambda: _health_of(executor),
        },
        status=lambda: {
            "session": driver.progress.as_json(),
            "broker_key_id": endpoint.keys().key_id,
        },
        metrics=metrics,
        running=_running(driver, database, operations),
    )
    _add_trading(app, settings, executor, operations)
    _add_breaker(app, settings, executor, operations)
    _add_book(app, executor, Broker(endpoint))
    _add_session(app, driver)
    _add_health(app, settings)
    return app


@contextmanager
def _running(driver: SessionDriver, *databases: Database) -> Iterator[None]:
    with ExitStack() as opened:
        for database in databases:
            opened.enter_context(database)
        opened.callback(driver.close)
        driver.resume()
        yield


def _add_trading(app: FastAPI, settings: Settings, executor: Peer, operations: Database) -> None:
    @app.get("/api/v1/state")
    def trading_state() -> Any:
        return executor.get("/state")

    @app.post("/api/v1/trading/halt", dependencies=[Depends(require_control)])
    def halt(word: Word, response: Response) -> HaltReport:
        return _halt(settings, word, "halt", response)

    @app.post("/api/v1/trading/enable", dependencies=[Depends(require_control)])
    def enable(word: EnableWord) -> Any:
        return executor.post("/enable", _fenced(word, operations))


def _add_breaker(app: FastAPI, settings: Settings, executor: Peer, operations: Database) -> None:
    @app.get("/api/v1/circuit-breaker/status")
    def breaker() -> dict[str, Any]:
        found = executor.get("/state")
        return {name: found[name] for name in ("breaker", "reason", "actor", "changed_at")}

    @app.post("/api/v1/circuit-breaker/activate", dependencies=[Depends(require_control)])
    def activate(word: Word, response: Response) -> HaltReport:
        return _halt(settings, word, "breaker", response)

    @app.post("/api/v1/circuit-breaker/reset", dependencies=[Depends(require_control)])
    def reset(word: Word) -> Any:
        return executor.post("/breaker/reset", _fenced(word, operations))


def _add_book(app: FastAPI, executor: Peer, broker: Broker) -> None:
    @app.post("/api/v1/orders/cancel-all", dependencies=[Depends(require_control)])
    def cancel_all() -> Any:
        return executor.post("/orders/cancel-all", {})

    @app.get("/api/v1/positions")
    def positions() -> Any:
        return executor.get("/positions")

    @app.get("/api/v1/portfolio")
    def portfolio() -> dict[str, Any]:
        account = broker.account()
        return {
            "account_number": account.account_number,
            "environment": account.environment,
            "cash_usd": str(account.cash_usd),
            "total_value": str(account.equity_usd),
            "buying_power_usd": str(account.buying_power_usd),
            "positions": [
                {
                    "symbol": held.symbol,
                    "quantity": held.quantity,
                    "entry_price_usd": str(held.entry_price_usd),
                    "current_price_usd": str(held.current_price_usd),
                    "market_value_usd": str(held.market_value_usd),
                }
                for held in broker.positions()
            ],
        }


def _add_session(app: FastAPI, driver: SessionDriver) -> None:
    @app.get("/api/v1/session")
    def session() -> dict[str, Any]:
        return driver.look().as_json()

    @app.post("/api/v1/session", dependencies=[Depends(require_control)])
    def open_session(wanted: OpenSession) -> dict[str, Any]:
        return driver.open(wanted.request()).as_json()

    @app.post("/api/v1/session/run", dependencies=[Depends(require_control)])
    def run() -> dict[str, Any]:
        return driver.run().as_json()

    @app.post("/api/v1/session/pause", dependencies=[Depends(require_control)])
    def pause(wish: Pause) -> dict[str, Any]:
        return driver.pause(wish.reason).as_json()


def _add_health(app: FastAPI, settings: Settings) -> None:
    peers = {path: Peer(settings, name) for path, name in _HEALTH_PATHS.items()}

    @app.get("/health/{service}")
    def health_of(service: str, response: Response) -> Any:
        if service not in peers:
            response.status_code = 404
            return {"detail": f"expected one of {sorted(peers)}, was {service!r}"}
        response.status_code, answer = peers[service].look("/health")
        return answer


def _halt(settings: Settings, word: Word, kind: Kind, response: Response) -> HaltReport:
    report = halt_core(settings, HaltRequest(word.reason, word.actor, kind), word.fence)
    response.status_code = 200 if report.confirmed else 504
    return report


def _fenced(word: Word, operations: Database) -> dict[str, Any]:
    """Return what the executor is told, with a fencing token when the caller brought none."""
    body = word.model_dump()
    if body["fence"] is None:
        with operations.transaction() as connection:
            body["fence"] = next_fence(connection)
    return body


def _health_of(executor: Peer) -> Health:
    try:
        status, _ = executor.look("/health", within=seconds(1))
    except Unreachable as error:
        return Health(ok=False, detail=str(error), needed=False)
    return Health(ok=status == 200, detail=f"answers {status}", needed=False)
