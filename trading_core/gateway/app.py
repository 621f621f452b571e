"""The gateway over HTTP (8080): the control API, and the driver of the replayed session."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from typing import Any

from fastapi import FastAPI, Response

from trading_core.access.call_log import CallLog
from trading_core.access.token_book import TokenBook
from trading_core.broker.client import Broker
from trading_core.broker.http import Endpoint
from trading_core.broker.replay import Replay, ReplaySession
from trading_core.clock import SystemClock, seconds
from trading_core.errors import Unreachable
from trading_core.gateway.answers.access import AccessAnswers
from trading_core.gateway.answers.book import BookAnswers
from trading_core.gateway.answers.limits import LimitsAnswers
from trading_core.gateway.answers.mode import ModeAnswers
from trading_core.gateway.answers.orders import OrderAnswers
from trading_core.gateway.answers.records import RecordAnswers
from trading_core.gateway.answers.services import ServiceAnswers
from trading_core.gateway.answers.session import SessionAnswers
from trading_core.gateway.answers.system import SystemAnswers
from trading_core.gateway.answers.trading import TradingAnswers
from trading_core.gateway.door import Door
from trading_core.gateway.gatekeeper import Gatekeeper
from trading_core.gateway.known_mode import KnownMode
from trading_core.gateway.minute import steps_of
from trading_core.gateway.router import Handlers, router_of
from trading_core.gateway.session import SessionDriver
from trading_core.gateway.session_file import SessionFile
from trading_core.gateway.system_watch import SystemWatch
from trading_core.health import Health
from trading_core.metrics import Metrics
from trading_core.peers import Peer
from trading_core.service import build_app
from trading_core.settings import Settings
from trading_core.storage.connect import Database
from trading_core.storage.trading import days

NAME = "gateway"

# Paths the seed runbooks ask; the services they mean.
_HEALTH_PATHS = {
    "market-data": "market_data",
    "execution-engine": "trade_executor",
    "risk-manager": "risk_manager",
    "strategy-engine": "strategy_engine",
}


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
    parts = _Parts(settings)
    app = build_app(
        NAME,
        settings,
        checks={
            # The kill switch works without any of them: the gateway is well even when they are not.
            "database": lambda: replace(parts.trading.health(), needed=False),
            "tokens": parts.book.health,
            "trade_executor": lambda: _health_of(parts.executor),
        },
        status=lambda: {
            "session": parts.driver.progress.as_json(),
            "broker_key_id": parts.endpoint.keys().key_id,
            "calls_undelivered": parts.log.spool.count(),
        },
        metrics=parts.metrics,
        running=parts.running(),
    )
    app.state.health_facts = parts.watch.facts
    app.include_router(router_of(parts.door, parts.handlers()))
    _add_health(app, settings)
    return app


class _Parts:
    """What the gateway is made of."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self.metrics = Metrics()
        self.trading = Database(
            settings.live_secret("trading_dsn"), application=NAME, connections_max=4
        )
        operations = settings.live_secret("operations_dsn")
        self.operations = Database(operations, application=NAME, connections_max=4)
        # The door's own: no call waits for the connection of another to be let in or written down.
        self._records = Database(operations, application=f"{NAME} record", connections_max=4)
        self.endpoint = Endpoint.of(settings)
        self.executor = Peer(settings, "trade_executor")
        self.log = CallLog(settings.root, self._records)
        self.book = TokenBook(settings.root, settings.secret("control_token"), self._records)
        exchange = Replay(self.endpoint)
        self.driver = SessionDriver(
            exchange,
            Days(self.trading),
            steps_of(settings, exchange),
            SessionFile(settings.root),
            observe_minute_seconds=self.metrics.histogram(
                "trading_processing_latency_seconds"
            ).observe,
        )
        clock = SystemClock()
        self.watch = SystemWatch(settings, self.metrics)
        self.mode = KnownMode(settings, self.executor)
        self.door = Door(Gatekeeper(self.book, clock), self.mode, self.log, clock, self.metrics)
        self.metrics.gauge("api_calls_undelivered").set_function(self.log.spool.count)

    def handlers(self) -> Handlers:
        broker = Broker(self.endpoint)
        trading = TradingAnswers(self._settings, self.executor, self.operations)
        book = BookAnswers(self._settings, self.executor, broker)
        return {
            **trading.handlers(),
            **book.handlers(),
            **ModeAnswers(self.mode, trading, book, self.driver).handlers(),
            **SessionAnswers(self.driver).handlers(),
            **OrderAnswers(self.executor, Peer(self._settings, "market_data"), broker).handlers(),
            **ServiceAnswers(self._settings).handlers(),
            **RecordAnswers(self.trading, broker).handlers(),
            **LimitsAnswers(self.trading, self.book).handlers(),
            **SystemAnswers(self.watch).handlers(),
            **AccessAnswers(self.operations, self.book).handlers(),
        }

    @contextmanager
    def running(self) -> Iterator[None]:
        with ExitStack() as opened:
            for part in (self.trading, self.operations, self._records, self.log, self.book):
                opened.enter_context(part)
            opened.callback(self.door.close)
            opened.callback(self.driver.close)
            opened.enter_context(self.watch.running())
            self.driver.resume()
            yield


def _add_health(app: FastAPI, settings: Settings) -> None:
    peers = {path: Peer(settings, name) for path, name in _HEALTH_PATHS.items()}

    @app.get("/health/{service}")
    def health_of(service: str, response: Response) -> Any:
        if service not in peers:
            response.status_code = 404
            return {"detail": f"expected one of {sorted(peers)}, was {service!r}"}
        response.status_code, answer = peers[service].look("/health")
        return answer


def _health_of(executor: Peer) -> Health:
    try:
        status, _ = executor.look("/health", within=seconds(1))
    except Unreachable as error:
        return Health(ok=False, detail=str(error), needed=False)
    return Health(ok=status == 200, detail=f"answers {status}", needed=False)
