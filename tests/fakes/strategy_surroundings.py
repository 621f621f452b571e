"""The world around the strategies: a session, its bars, and an executor that fills or refuses."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from trading_core.broker.replay import ReplaySession
from trading_core.domain.market import Bar
from trading_core.domain.orders import Side
from trading_core.errors import Unreachable
from trading_core.lockstep import MINUTE
from trading_core.market_data.client import BarsAnswer
from trading_core.strategy.records import Approved
from trading_core.strategy.stance import Holding, Signal

OPENS_AT = datetime(2013, 10, 7, 13, 30, tzinfo=UTC)
CLOSES_AT = datetime(2013, 10, 7, 20, 0, tzinfo=UTC)

CROSSOVER = {
    "enabled": True,
    "base_quantity": 100,
    "position_size_multiplier": "0.8",
    "short_allowed": True,
    "sma_short": 2,
    "sma_long": 4,
}


def a_session(session_id: str = "s1", symbols: tuple[str, ...] = ("SPY",)) -> ReplaySession:
    """Return a session that stands before its open."""
    return ReplaySession(
        session_id=session_id,
        account_number="PA0000001",
        source="bars",
        date=date(2013, 10, 7),
        symbols=symbols,
        seed=0,
        now=OPENS_AT - 30 * MINUTE,
        opens_at=OPENS_AT,
        closes_at=CLOSES_AT,
        executions=0,
        is_open=False,
        done=False,
    )


def a_bar(minute: int, close_usd: int, symbol: str = "SPY") -> Bar:
    """Return the bar of the minute that began `minute` minutes after the open."""
    price = Decimal(close_usd)
    return Bar(symbol, OPENS_AT + minute * MINUTE, price, price, price, price, volume=100)


def end_of(minute: int) -> datetime:
    """Return the end of the minute that began `minute` minutes after the open."""
    return OPENS_AT + (minute + 1) * MINUTE


class World:
    """Exchange, market data, database and executor at once; every order is filled at once.

    Attributes:
        refusing: The executor refuses every signal while this is set.
        deaf: The executor takes every signal and answers none while this is set.
    """

    def __init__(self, closes_usd: Sequence[int], approved: dict[str, dict[str, Any]]) -> None:
        self.open_session: ReplaySession | None = a_session()
        self.session_bars = [a_bar(minute, close) for minute, close in enumerate(closes_usd)]
        self.collected_through: datetime | None = None
        self.configured = approved
        self.received: dict[tuple[datetime, Signal], None] = {}
        self.filled: list[tuple[datetime, Signal]] = []
        self.refusing = False
        self.deaf = False

    def collect(self, minute: int) -> datetime:
        """Let the minute be collected; return its end."""
        self.collected_through = end_of(minute)
        return self.collected_through

    def next_session(self, session_id: str) -> None:
        """Open another session of the same day and the same bars."""
        assert self.open_session is not None
        self.open_session = replace(self.open_session, session_id=session_id)

    def session(self) -> ReplaySession | None:
        return self.open_session

    def bars(self, *, after: datetime | None = None) -> BarsAnswer:
        through = self.collected_through
        known = [bar for bar in self.session_bars if through and bar.started_at < through]
        return BarsAnswer(
            session_id=self.open_session.session_id if self.open_session else None,
            collected_through=through,
            bars=[bar for bar in known if after is None or bar.started_at >= after],
        )

    def approved(self) -> list[Approved]:
        return [Approved(name, 1, body) for name, body in sorted(self.configured.items())]

    def holdings(self, account: str, *, before: datetime) -> list[Holding]:
        held: dict[tuple[str, str], int] = {}
        for at, signal in self.filled:
            if at < before:
                shares = signal.quantity if signal.side is Side.BUY else -signal.quantity
                key = (signal.strategy, signal.symbol)
                held[key] = held.get(key, 0) + shares
        return [Holding(*key, quantity) for key, quantity in held.items()]

    def take(self, now: datetime, signals: Sequence[Signal]) -> Any:
        for signal in signals:
            if (now, signal) not in self.received and not self.refusing:
                self.filled.append((now, signal))
            self.received[now, signal] = None
        if self.deaf:
            raise Unreachable("executor: expected an answer, was none", next_step="ask again")
        return [{"outcome": "refused" if self.refusing else "sent"} for _ in signals]
