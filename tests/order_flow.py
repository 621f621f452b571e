"""Orders at a steady pace, as a strategy would send them, and an account of each."""

import itertools
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from trading_core.broker.client import Broker
from trading_core.broker.replay import Replay
from trading_core.clock import SystemClock, pause, seconds, stopwatch_seconds
from trading_core.errors import TradingError
from trading_core.peers import Peer
from trading_core.settings import Settings
from trading_core.storage.connect import connect
from trading_core.storage.trading import orders

PER_SECOND = 20
_SENDERS = 4
# Every flow of orders has numbers of its own: the same number is the same order.
_thousands = itertools.count(0, 100_000)


@dataclass
class OrderFlow:
    """What was sent and answered.

    Attributes:
        outcomes: The executor's word on each order, by its id.
        errors: Requests that were not answered, as text.
        lasted_seconds: How long orders were sent.
        slowest_seconds: The longest anybody waited for the executor's word.
        refused_at: When orders were refused, this machine's clock.
    """

    outcomes: dict[str, dict[str, Any]] = field(default_factory=dict)
    errors: list[str] = field(default_factory=list)
    slowest_seconds: float = 0.0
    lasted_seconds: float = 0.0
    repeated: int = 0
    refused_at: list[datetime] = field(default_factory=list)

    def counts(self) -> Counter[str]:
        """Return how many orders came to which outcome."""
        return Counter(str(one["outcome"]) for one in self.outcomes.values())

    def note(self, outcome: dict[str, Any], waited_seconds: float) -> None:
        """Keep one answer."""
        self.repeated += outcome["client_order_id"] in self.outcomes
        self.outcomes[outcome["client_order_id"]] = outcome
        self.slowest_seconds = max(self.slowest_seconds, waited_seconds)
        if outcome["outcome"] == "refused":
            self.refused_at.append(SystemClock().now())

    def assert_none_lost_or_doubled(self, settings: Settings) -> None:
        """Hold every order against the exchange's book and against our own record."""
        assert self.repeated == 0
        sent = {name for name, one in self.outcomes.items() if one["outcome"] == "sent"}
        with Broker.of(settings) as broker:
            theirs = Counter(one.request.client_order_id for one in broker.orders("all"))
            account, now = broker.account().account_number, broker.clock().now
        with connect(settings.secret("trading_dsn"), application="tests") as connection:
            ours = Counter(
                one.request.client_order_id
                for one in orders.of_day(connection, account, now.date())
                if one.exchange_order_id is not None
            )
        mine = {name for name in theirs if name in self.outcomes}
        assert mine == sent, (sorted(sent - mine)[:3], sorted(mine - sent)[:3])
        assert {name: theirs[name] for name in sent} == dict.fromkeys(sent, 1)
        assert {name: ours[name] for name in sent} == dict.fromkeys(sent, 1)


def _allow_bursts(settings: Settings) -> None:
    """Market time stands still: all of the flow falls into one of its minutes."""
    limits = {"orders_per_minute_max": 100_000, "identical_orders_per_minute_max": 100_000}
    body = {"reason": "a flow of orders", "actor": "tests", "approved_by": "the test that asks"}
    with Peer(settings, "gateway") as gateway:
        gateway.send("PUT", "/api/v1/risk/limits", body={**body, "limits": limits})


@contextmanager
def orders_flowing(settings: Settings) -> Iterator[OrderFlow]:
    """Send twenty orders a second to the executor for as long as the block runs."""
    _allow_bursts(settings)
    flow, left = OrderFlow(), threading.Event()
    replay = Replay.of(settings)
    session = replay.session()
    replay.close()
    assert session is not None
    now, symbol = session.now.isoformat(), session.symbols[0]
    first = next(_thousands)

    def send(executor: Peer, number: int) -> None:
        side = ("buy", "sell")[number % 2]
        signal = {"strategy": "flow", "symbol": symbol, "side": side, "quantity": 1}
        began = stopwatch_seconds()
        try:
            body = {"now": now, "signals": [{**signal, "sequence": first + number}]}
            outcome = executor.post("/signals", body)["outcomes"][0]
            flow.note(outcome, stopwatch_seconds() - began)
        except TradingError as error:
            flow.errors.append(str(error))

    began = stopwatch_seconds()

    def work(number: int) -> None:
        with Peer(settings, "trade_executor", answer_within=seconds(10)) as executor:
            while not left.is_set():
                pause(seconds(max(0.0, began + number / PER_SECOND - stopwatch_seconds())))
                send(executor, number)
                number += _SENDERS

    threads = [threading.Thread(target=work, args=[n], daemon=True) for n in range(_SENDERS)]
    for thread in threads:
        thread.start()
    try:
        yield flow
    finally:
        flow.lasted_seconds = stopwatch_seconds() - began
        left.set()
        for thread in threads:
            thread.join(timeout=30)
