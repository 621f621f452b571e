"""Two hundred orders a second, each asked for again and again until it has a fate."""

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
_BATCH = 10
# Refusals that are none: the order may be asked for again once what was gone is back.
_PASSING = {"DATABASE_UNAVAILABLE", "LIMITS_NOT_LOADED"}

Signal = dict[str, Any]


@dataclass
class Fates:
    """What became of each order that was asked for.

    Attributes:
        outcomes: The executor's last word by client order id.
        asked: How many signals were made.
        up_seconds: Time in which batches were answered.
    """

    outcomes: dict[str, dict[str, Any]] = field(default_factory=dict)
    asked: int = 0
    repeats: int = 0
    lasted_seconds: float = 0.0
    answered_at: deque[float] = field(default_factory=deque)

    @property
    def per_second(self) -> float:
        """Orders with a fate per second over the whole time, outages included."""
        return len(self.outcomes) / self.lasted_seconds

    @property
    def per_second_when_up(self) -> float:
        """The median over the seconds in which any order had its fate."""
        counts: dict[int, int] = {}
        for at in self.answered_at:
            counts[int(at)] = counts.get(int(at), 0) + 1
        ordered = sorted(counts.values())
        return ordered[len(ordered) // 2] if ordered else 0.0


@contextmanager
def orders_flowing(settings: Settings, session: ReplaySession, now: "Now") -> Iterator[Fates]:
    """Send orders for the length of a block; when it is left, every one has its fate."""
    fates, left = Fates(), threading.Event()
    began = stopwatch_seconds()
    threads = [
        threading.Thread(target=_work, args=(settings, session, now, fates, left, number))
        for number in range(_SENDERS)
    ]
    for thread in threads:
        thread.start()
    try:
        yield fates
    finally:
        fates.lasted_seconds = stopwatch_seconds() - began
        left.set()
        for thread in threads:
            thread.join(timeout=120)


@dataclass
class Now:
    """Market time, as whoever moves it says."""

    moment: datetime


def _work(
    settings: Settings,
    session: ReplaySession,
    now: Now,
    fates: Fates,
    left: threading.Event,
    number: int,
) -> None:
    dice = random.Random(number)
    every_seconds = _BATCH * _SENDERS / PER_SECOND
    due, sequence = stopwatch_seconds(), number * 1_000_000
    with Peer(settings, "trade_executor", answer_within=seconds(15)) as executor:
        while not left.is_set():
            signals = [a_signal(dice, session.symbols, sequence + i) for i in range(_BATCH)]
            sequence += _BATCH
            fates.asked += _BATCH
            _until_answered(executor, fates, now.moment, signals)
            # What an outage cost is not made up for: two hundred a second, no more.
            due = max(due + every_seconds, stopwatch_seconds())
            pause(seconds(max(0.0, due - stopwatch_seconds())))


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
