"""One minute of market time: the five steps every minute goes through, in their order.

Each step asks one service and is idempotent, so a minute that was interrupted is run again from
its first step.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from trading_core.broker.replay import Advanced
from trading_core.clock import seconds
from trading_core.peers import Peer
from trading_core.settings import Settings


class Replayed(Protocol):
    """Who moves market time: the exchange's replay door."""

    def advance(self, to: datetime) -> Advanced:
        """Move the clock to `to`; a time already reached changes nothing."""
        ...


@dataclass(frozen=True, slots=True)
class Minute:
    """The minute that ends at `end`, of one session."""

    end: datetime
    session_id: str

    def body(self) -> dict[str, Any]:
        """Return what each service is told; see `lockstep.MinuteEnd`."""
        return {"now": self.end.isoformat(), "session_id": self.session_id}


@dataclass(frozen=True, slots=True)
class Step:
    """One of the five: what it is called, and how it is done."""

    name: str
    do: Callable[[Minute], Any]


def steps_of(settings: Settings, exchange: Replayed) -> tuple[Step, ...]:
    """Return the steps of a minute, wired to the stack's services."""
    collector = Peer(settings, "market_data", answer_within=seconds(15))
    strategies = Peer(settings, "strategy_engine", answer_within=seconds(30))
    executor = Peer(settings, "trade_executor", answer_within=seconds(15))
    risk = Peer(settings, "risk_manager", answer_within=seconds(15))
    return (
        Step("advance", lambda minute: exchange.advance(minute.end)),
        Step("collect", lambda minute: collector.post("/cycle/collect", minute.body())),
        Step("evaluate", lambda minute: strategies.post("/cycle/evaluate", minute.body())),
        Step("settle", lambda minute: executor.post("/cycle/settle", minute.body())),
        Step("mark", lambda minute: risk.post("/cycle/mark", minute.body())),
    )
