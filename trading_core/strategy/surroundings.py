"""What the strategies need of the world, and nothing more than that: four small faces.

The service wires the real ones; a test wires ones it can switch off.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Protocol

from trading_core.broker.replay import ReplaySession
from trading_core.market_data.client import BarsAnswer
from trading_core.peers import Peer
from trading_core.strategy.records import Approved
from trading_core.strategy.stance import Holding, Signal


class Sessions(Protocol):
    """Who knows which session is open: the exchange."""

    def session(self) -> ReplaySession | None:
        """Return the open session, or None."""
        ...


class Bars(Protocol):
    """Who has the session's bars: the market data service."""

    def bars(self, *, after: datetime | None = None) -> BarsAnswer:
        """Return the bars that started at or after a moment."""
        ...


class Books(Protocol):
    """Who knows approved parameters and holdings: the database."""

    def approved(self) -> list[Approved]:
        """Return the newest approved version of each strategy."""
        ...

    def holdings(self, account: str, *, before: datetime) -> list[Holding]:
        """Return what each strategy holds from orders it asked for before a moment."""
        ...


class SignalTaker(Protocol):
    """Who takes signals: the executor."""

    def take(self, now: datetime, signals: Sequence[Signal]) -> Any:
        """Hand over the signals of one minute; return what became of them."""
        ...


@dataclass(frozen=True, slots=True)
class Surroundings:
    """Everything outside the engine."""

    exchange: Sessions
    market: Bars
    books: Books
    executor: SignalTaker


class Executor:
    """The executor, as the strategies see it."""

    def __init__(self, peer: Peer) -> None:
        self._peer = peer

    def take(self, now: datetime, signals: Sequence[Signal]) -> Any:
        """Hand over the signals of one minute; return the executor's words on each."""
        body = {"now": now.isoformat(), "signals": [_wire(signal) for signal in signals]}
        return self._peer.post("/signals", body)


def _wire(signal: Signal) -> dict[str, Any]:
    limit = signal.limit_price_usd
    return {**asdict(signal), "limit_price_usd": None if limit is None else str(limit)}
