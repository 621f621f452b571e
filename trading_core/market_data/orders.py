"""What the market data service is told at run time: another feed, other symbols, collect now."""

from typing import Annotated, Any

import structlog
from fastapi import Depends, FastAPI
from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from trading_core.market_data.feeds import Choice, Role
from trading_core.market_data.service import MarketDataService
from trading_core.service import require_control

log = structlog.get_logger(__name__)


def _once_each(symbols: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(sorted(set(symbols)))


Symbol = Annotated[str, Field(pattern="^[A-Z0-9.]{1,12}$")]
Symbols = Annotated[
    tuple[Symbol, ...], Field(min_length=1, max_length=500), AfterValidator(_once_each)
]
_Words = Annotated[str, Field(min_length=1, max_length=500)]


class Asked(BaseModel):
    """Who asks, and why."""

    model_config = ConfigDict(extra="forbid")

    reason: _Words
    actor: _Words


class FeedAsked(Asked):
    """Which feed to listen to (API-42), and whether to change from it when it falls silent."""

    primary_provider: Role
    fallback_enabled: bool = True


class SymbolsAsked(Asked):
    """Which symbols to follow (DAT-13)."""

    symbols: Symbols


def add_orders(app: FastAPI, service: MarketDataService) -> None:
    """Add the endpoints; each needs the control token and answers with what then stands."""
    guarded = [Depends(require_control)]

    @app.put("/api/v1/config", dependencies=guarded)
    def configure(asked: FeedAsked) -> dict[str, Any]:
        choice = Choice(asked.primary_provider, asked.fallback_enabled, asked.reason, asked.actor)
        stands = service.choose(choice)
        return {
            "primary_provider": stands.active,
            "fallback_enabled": stands.fallback_enabled,
            "reason": stands.reason,
            "actor": stands.actor,
        }

    @app.put("/api/v1/symbols", dependencies=guarded)
    def follow(asked: SymbolsAsked) -> dict[str, Any]:
        return {"symbols": service.follow(asked.symbols, asked.reason, asked.actor)}

    @app.post("/api/v1/collect-now", dependencies=guarded)
    def collect_now(asked: Asked) -> dict[str, Any]:
        log.info("collect now", reason=asked.reason, actor=asked.actor)
        collected = service.collect_now()
        return {"now": collected.now, "bars": collected.bars, "silent": collected.silent}
