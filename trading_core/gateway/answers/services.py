"""What the other services know, asked through one door: risk, market data, strategies, broker."""

from decimal import Decimal
from typing import Annotated, Any

from fastapi import Query

from trading_core.domain.orders import Side
from trading_core.gateway.call import Call
from trading_core.gateway.router import Handlers
from trading_core.gateway.words import (
    FeedWord,
    ParametersWord,
    StrategyName,
    StrategyWord,
    Symbol,
    SymbolsWord,
    Word,
)
from trading_core.peers import Peer
from trading_core.settings import Settings


class ServiceAnswers:
    """Answers by asking the service that knows."""

    def __init__(self, settings: Settings) -> None:
        self._executor = Peer(settings, "trade_executor")
        self._risk = Peer(settings, "risk_manager")
        self._data = Peer(settings, "market_data")
        self._strategies = Peer(settings, "strategy_engine")

    def handlers(self) -> Handlers:
        """Return what answers which endpoint."""
        return {
            "GET /api/v1/broker/status": lambda: self._executor.get("/broker/status"),
            "GET /api/v1/risk/status": lambda: self._risk.get("/risk/status"),
            "GET /api/v1/risk/limits": lambda: self._risk.get("/api/v1/risk/limits"),
            "GET /api/v1/risk/what-if": self.what_if,
            "GET /api/v1/risk/recent-decisions": self.decisions,
            "GET /api/v1/data/status": lambda: self._data.get("/data/status"),
            "GET /api/v1/market-data/{symbol}": self.recent_bars,
            "GET /api/v1/strategies": lambda: self._strategies.get("/api/v1/strategies"),
            "GET /api/v1/strategies/{name}": self.strategy,
            "PUT /api/v1/config": self.choose_feed,
            "PUT /api/v1/symbols": self.follow,
            "POST /api/v1/collect-now": self.collect_now,
            "GET /api/v1/rate-limit/status": lambda: self._data.get("/rate-limit/status"),
            "PUT /api/v1/strategies/{name}": self.switch_strategy,
            "PUT /api/v1/strategies/{name}/parameters": self.set_parameters,
        }

    def what_if(
        self,
        symbol: Symbol,
        side: Side,
        quantity: Annotated[int, Query(ge=1, le=10**9)],
        limit_price_usd: Annotated[Decimal | None, Query(gt=0, le=10**9)] = None,
    ) -> Any:
        """Return what the checks would say to an order; nothing is sent."""
        order = {"symbol": symbol, "side": side.value, "quantity": quantity}
        if limit_price_usd is not None:
            order["limit_price_usd"] = str(limit_price_usd)
        return self._risk.get("/risk/what-if", order)

    def decisions(self, limit: Annotated[int, Query(ge=1, le=1000)] = 50) -> Any:
        """Return what risk control decided lately."""
        return self._risk.get("/risk/recent-decisions", {"limit": limit})

    def recent_bars(self, symbol: Symbol, limit: Annotated[int, Query(ge=1, le=1000)] = 5) -> Any:
        """Return a symbol's newest bars and quote."""
        return self._data.get(f"/api/v1/market-data/{symbol}", {"limit": limit})

    def choose_feed(self, call: Call[FeedWord]) -> Any:
        """Listen to another feed."""
        return self._data.send("PUT", "/api/v1/config", body=call.word.model_dump(mode="json"))

    def follow(self, call: Call[SymbolsWord]) -> Any:
        """Follow other symbols."""
        return self._data.send("PUT", "/api/v1/symbols", body=call.word.model_dump(mode="json"))

    def collect_now(self, call: Call[Word]) -> Any:
        """Ask the feed for everything up to now."""
        return self._data.post("/api/v1/collect-now", call.word.model_dump(mode="json"))

    def strategy(self, name: StrategyName) -> Any:
        """Return one strategy as it runs."""
        return self._strategies.get(f"/api/v1/strategies/{name}")

    def switch_strategy(self, call: Call[StrategyWord], name: StrategyName) -> Any:
        """Let a strategy trade, or pause it (TRD-09)."""
        word = call.word.model_dump(mode="json")
        return self._strategies.send("PUT", f"/api/v1/strategies/{name}", body=word)

    def set_parameters(self, call: Call[ParametersWord], name: StrategyName) -> Any:
        """Give a strategy other parameters (TRD-08)."""
        word = call.word
        body = {**word.parameters, "reason": word.reason, "actor": word.actor}
        return self._strategies.send("PUT", f"/api/v1/strategies/{name}/parameters", body=body)
