"""Two hundred orders a second by the clock, each asked for again and again until it has a fate.

The clock does not wait for anybody: while something is down, orders become due all the same, and
whoever sends has to catch up.
"""

import random
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from trading_core.broker.replay import ReplaySession
from trading_core.clock import pause, seconds, stopwatch_seconds
from trading_core.errors import TradingError
from trading_core.peers import Peer
from trading_core.settings import Settings

PER_SECOND = 200
_SENDERS = 4
# So many orders go in one call: as they become due, and more when there is something to catch up.
_BATCH, _BATCH_MAX = 10, 60
# Refusals that are none: the order may be asked for again once what was gone is back.
_PASSING = {"DATABASE_UNAVAILABLE", "LIMITS_NOT_LOADED"}

Signal = dict[str, Any]


class Schedule:
    """Hands out orders as they become due, each to one sender, until it is ended."""

    def __init__(self, symbols: tuple[str, ...]) -> None:
        self._symbols = symbols
        self._dice = random.Random(1)
        self._turn = threading.Lock()
        self._began_seconds = stopwatch_seconds()
        self._ended_seconds: float | None = None
        self.taken = 0

    @property
    def lasted_seconds(self) -> float:
        """How long orders have become due."""
        return (self._ended_seconds or stopwatch_seconds()) - self._began_seconds

    @property
    def due(self) -> int:
        """How many orders have become due: what was offered."""
        return int(self.lasted_seconds * PER_SECOND)

    @property
    def waiting(self) -> int:
        """How many of them no sender has taken yet."""
        return self.due - self.taken

    def end(self) -> None:
        """Let nothing more become due, and hand nothing more out."""
        self._ended_seconds = stopwatch_seconds()

    def take(self) -> list[Signal]:
        """Wait for orders that are due and return them; none when it has ended."""
        while self._ended_seconds is None:
            with self._turn:
                number = min(self.waiting, _BATCH_MAX)
                if number >= _BATCH:
                    first, self.taken = self.taken, self.taken + number
                    return [a_signal(self._dice, self._symbols, first + i) for i in range(number)]
            pause(seconds(_BATCH / PER_SECOND / 5))
        return []


@dataclass
class Fates:
    """What became of each order that was asked for.

    Attributes:
        outcomes: The executor's last word by client order id.
        repeats: How often a call was made again.
        answered_at: When each had its fate.
    """

    schedule: Schedule
    outcomes: dict[str, dict[str, Any]] = field(default_factory=dict)
    repeats: int = 0
    answered_at: deque[float] = field(default_factory=deque)

    @property
    def offered_per_second(self) -> float:
        """Orders that became due per second."""
        return self.schedule.due / self.schedule.lasted_seconds

    @property
    def per_second(self) -> float:
        """Orders that had their fate per second over the whole time, outages included."""
        return len(self.outcomes) / self.schedule.lasted_seconds

    def per_second_when_up(self) -> list[int]:
        """Return how many had their fate in each second in which any had, fewest first."""
        counts: dict[int, int] = {}
        for at in self.answered_at:
            counts[int(at)] = counts.get(int(at), 0) + 1
        return sorted(counts.values())


@contextmanager
def orders_flowing(settings: Settings, session: ReplaySession, now: "Now") -> Iterator[Fates]:
    """Have orders sent for the length of a block; when it is left, each taken has its fate."""
    fates = Fates(Schedule(session.symbols))
    threads = [threading.Thread(target=_work, args=(settings, now, fates)) for _ in range(_SENDERS)]
    for thread in threads:
        thread.start()
    try:
        yield fates
    finally:
        fates.schedule.end()
        for thread in threads:
            thread.join(timeout=120)


@dataclass
class Now:
    """Market time, as whoever moves it says."""

    moment: datetime


def _work(settings: Settings, now: Now, fates: Fates) -> None:
    with Peer(settings, "trade_executor", answer_within=seconds(15)) as executor:
        while signals := fates.schedule.take():
            _until_answered(executor, fates, now.moment, signals)


def _until_answered(executor: Peer, fates: Fates, now: datetime, signals: list[Signal]) -> None:
    while signals:
        try:
            body = {"now": now.isoformat(), "signals": signals}
            answered = executor.post("/signals", body)["outcomes"]
        except TradingError:
            fates.repeats += 1
            pause(seconds(0.1))
            continue
        again = []
        for signal, outcome in zip(signals, answered, strict=True):
            if outcome["outcome"] == "refused" and outcome["reason"] in _PASSING:
                again.append(signal)
            else:
                fates.outcomes[outcome["client_order_id"]] = outcome
                fates.answered_at.append(stopwatch_seconds())
        signals = again
        if again:
            fates.repeats += 1
            pause(seconds(0.1))


def a_signal(dice: random.Random, symbols: tuple[str, ...], sequence: int) -> Signal:
    """Return an order at the market, small or larger than the quote, or one near it that rests."""
    symbol, side = dice.choice(symbols), dice.choice(("buy", "sell"))
    signal: Signal = {"strategy": "chaos", "symbol": symbol, "side": side, "sequence": sequence}
    if symbol == "BOLT":
        # Only here orders rest, all far enough apart that none meets another of ours.
        limit = dice.choice(("181.00", "181.50")) if side == "buy" else "183.50"
        return {
            **signal,
            "quantity": dice.randint(1, 60),
            "type": "limit",
            "limit_price_usd": limit,
        }
    quantity = dice.randint(200, 480) if dice.random() < 0.05 else dice.randint(1, 9)
    return {**signal, "quantity": quantity, "type": "market"}
