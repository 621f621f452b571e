"""The risk manager's HTTP face (8003)."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any

import structlog
from fastapi import Depends, FastAPI, Query
from pydantic import BaseModel, Field

from trading_core.broker.client import Broker
from trading_core.broker.http import Endpoint
from trading_core.broker.market_data import MarketDataApi
from trading_core.broker.replay import Replay
from trading_core.clock import seconds
from trading_core.domain.orders import OrderRequest, OrderType, Side
from trading_core.errors import CheckFailed, TradingError, Unreachable
from trading_core.health import Health
from trading_core.ledger.session import Session, current_session
from trading_core.lockstep import MinuteEnd
from trading_core.metrics import Metrics
from trading_core.peers import Peer
from trading_core.risk.caps import HARD_CAPS
from trading_core.risk.limits import RiskLimits
from trading_core.risk.monitor import Marked, RiskMonitor
from trading_core.risk.stops import StopOrder
from trading_core.risk.what_if import Forecast, Moment, WhatIf
from trading_core.service import build_app, require_control
from trading_core.settings import Settings
from trading_core.storage.connect import Database
from trading_core.storage.trading import config, days, pnl, risk

NAME = "risk_manager"

log = structlog.get_logger(__name__)

_SIGNALS_WITHIN = seconds(10)


class ProposedOrder(BaseModel):
    """An order that nobody has sent; without a limit price it is a market order."""

    symbol: Annotated[str, Field(min_length=1, max_length=32)]
    side: Side
    quantity: Annotated[int, Field(ge=1, le=10**9)]
    limit_price_usd: Annotated[Decimal, Field(gt=0, le=10**9)] | None = None

    def request(self) -> OrderRequest:
        """Return it as an order."""
        kind = OrderType.MARKET if self.limit_price_usd is None else OrderType.LIMIT
        return OrderRequest("what-if", **self.model_dump(), type=kind)


class Executor:
    """The executor, as risk control sees it."""

    def __init__(self, peer: Peer) -> None:
        self._peer = peer

    def breaker(self) -> str:
        """Return whether the breaker is OPEN or CLOSED."""
        return str(self._peer.get("/state")["breaker"])

    def trip(self, reason: str) -> None:
        """Open the breaker."""
        self._peer.post("/halt", {"reason": reason, "actor": NAME, "kind": "breaker"})

    def tell(self, total_pnl_usd: Decimal) -> None:
        """Tell the day's profit in dollars."""
        self._peer.post("/risk/day-pnl", {"total_pnl_usd": str(total_pnl_usd)})

    def close(self, now: datetime, orders: Sequence[StopOrder]) -> None:
        """Send the orders of stop-losses; while trading is stopped, none."""
        if not self._peer.get("/state")["accepts_orders"]:
            log.warning("stop-losses not sent: trading is stopped", count=len(orders))
            return
        body = {"now": now.isoformat(), "signals": [order.signal() for order in orders]}
        outcomes = self._peer.post("/signals", body, within=_SIGNALS_WITHIN)["outcomes"]
        log.warning("stop-losses sent", outcomes=outcomes)


class RiskService:
    """The monitor with what it stands on."""

    def __init__(self, settings: Settings, metrics: Metrics) -> None:
        self.endpoint = endpoint = Endpoint.of(settings)
        self.database = Database(
            settings.live_secret("trading_dsn"), application=NAME, connections_max=4
        )
        self.executor = Executor(Peer(settings, "trade_executor"))
        quotes = MarketDataApi(endpoint)
        self.monitor = RiskMonitor(self.database, quotes, self.executor, metrics)
        self._what_if = WhatIf(self.database, quotes)
        self._broker = Broker(endpoint)
        self._replay = Replay(endpoint)

    def session(self) -> Session:
        """Return the session that is open at the exchange.

        Raises:
            Unreachable: The exchange does not answer.
            CheckFailed: No session is open.
        """
        replayed = self._replay.session()
        if replayed is None:
            return current_session(self._broker)
        return Session(replayed.account_number, replayed.date)

    def what_if(self, order: OrderRequest) -> Forecast:
        """Return what the gate would say to an order now."""
        power_usd = self._broker.account().buying_power_usd
        moment = Moment(self.session(), self._broker.clock().now, power_usd)
        return self._what_if.ask(moment, order)

    def limits(self) -> dict[str, Any]:
        """Return the limits in force with their version; null where none are installed."""
        with self.database.transaction() as connection:
            version = config.newest(connection, config.RISK_LIMITS, config.DESK)
        if version is None:
            return {"limits": None, "limits_sha256": None, "limits_version": None}
        words = ("changed_by", "approved_by", "reason", "valid_until")
        return {
            "limits": RiskLimits.parse(version.body).model_dump(mode="json"),
            "limits_sha256": version.sha256,
            "limits_version": version.version,
            "in_force_since": version.approved_at,
            **{word: getattr(version, word) for word in words},
            "hard_caps": {name: str(cap) for name, cap in HARD_CAPS.items()},
        }

    def daily_pnl(self) -> dict[str, Any] | None:
        """Return the profit of the day that was opened last; None before the first."""
        with self.database.transaction() as connection:
            day = days.newest(connection)
            if day is None:
                return None
            found = pnl.of_day(connection, day.account, day.trading_date)
        return None if found is None else asdict(found)

    def breaker(self) -> str:
        """Return OPEN or CLOSED as the executor says; UNKNOWN when it does not answer."""
        try:
            return self.executor.breaker()
        except TradingError:
            return "UNKNOWN"

    def executor_health(self) -> Health:
        """Return whether the executor can be told to stop; without it marking still works."""
        breaker = self.breaker()
        return Health(breaker != "UNKNOWN", f"breaker {breaker}", needed=False)

    def exchange_health(self) -> Health:
        """Return whether the exchange answers."""
        try:
            return Health(ok=True, detail=str(self.session()))
        except CheckFailed as error:
            return Health(ok=True, detail=str(error))
        except Unreachable as error:
            return Health(ok=False, detail=str(error))


def app(settings: Settings) -> FastAPI:
    """Return the service, not yet running.

    Raises:
        ConfigurationError: A secret is missing.
    """
    metrics = Metrics()
    service = RiskService(settings, metrics)
    web = build_app(
        NAME,
        settings,
        checks={
            "database": service.database.health,
            "exchange": service.exchange_health,
            "trade_executor": service.executor_health,
        },
        status=lambda: {
            "breaker": service.breaker(),
            "broker_key_id": service.endpoint.keys().key_id,
        },
        metrics=metrics,
        running=service.database,
    )
    _add_cycle(web, service)
    _add_questions(web, service)
    return web


def _add_cycle(web: FastAPI, service: RiskService) -> None:
    @web.post("/cycle/mark", dependencies=[Depends(require_control)])
    def mark(minute: MinuteEnd) -> dict[str, Any]:
        return _marked(service.monitor.mark(service.session(), minute.now))


def _add_questions(web: FastAPI, service: RiskService) -> None:
    @web.get("/risk/status")
    def status() -> dict[str, Any]:
        return {
            **service.limits(),
            "daily_pnl": service.daily_pnl(),
            "breaker": service.breaker(),
        }

    @web.get("/api/v1/risk/limits")
    def limits() -> dict[str, Any]:
        return service.limits()

    @web.get("/risk/what-if")
    def what_if(order: Annotated[ProposedOrder, Query()]) -> dict[str, Any]:
        forecast = service.what_if(order.request())
        return {**asdict(forecast), "passed": forecast.verdict.passed}

    @web.get("/risk/recent-decisions")
    def recent(limit: Annotated[int, Query(ge=1, le=1000)] = 50) -> dict[str, Any]:
        with service.database.transaction() as connection:
            day = days.newest(connection)
            found = [] if day is None else risk.recent(connection, day.account, limit)
        return {"decisions": [asdict(event) for event in found]}


def _marked(marked: Marked) -> dict[str, Any]:
    profit = marked.profit
    return {
        "account": marked.session.account,
        "trading_date": marked.session.trading_date,
        "realized_pnl_usd": profit.realized_usd,
        "unrealized_pnl_usd": profit.unrealized_usd,
        "total_pnl_usd": profit.total_usd,
        "equity_usd": profit.equity_usd,
        "level": marked.level,
    }
