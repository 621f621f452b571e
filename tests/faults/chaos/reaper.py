"""What goes wrong in the storm: processes die in turn, and updates are lost, doubled, mixed up."""

import random
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import timedelta

import httpx

from tests.faults.chaos.database import KillablePostgres
from tests.faults.chaos.orders import Fates, Now
from tests.fix_core import ADMIN, Core
from trading_core.broker.replay import Replay, ReplaySession
from trading_core.clock import poll, seconds
from trading_core.errors import TradingError

EXECUTOR, EXCHANGE, POSTGRES, REDIS = "trade_executor", "paper_exchange", "postgres", "redis"
VICTIMS = (EXECUTOR, EXCHANGE, POSTGRES, REDIS)
# So many orders have their fate between two deaths: each death comes into full traffic.
_ORDERS_BETWEEN = 60
# After that the next death waits until what was due meanwhile is made up for, but not for long.
_MADE_UP_WITHIN = seconds(1.5)
_WAITING_MOST = 40
_MINUTE_EVERY_SECONDS = 1.0
_FAULTS_EVERY_SECONDS = 0.7


@dataclass
class Storm:
    """What was done to the system so far."""

    kills: Counter[str] = field(default_factory=Counter)
    faults: Counter[str] = field(default_factory=Counter)


def kill_in_turn(
    core: Core, database: KillablePostgres, fates: Fates, storm: Storm, rounds: int
) -> None:
    """Kill each victim `rounds` times, in the middle of orders, and start it again."""
    dice = random.Random(20131007)
    for _ in range(rounds):
        for victim in VICTIMS:
            enough = len(fates.outcomes) + _ORDERS_BETWEEN + dice.randint(0, _ORDERS_BETWEEN)
            flowing = poll(
                lambda enough=enough: len(fates.outcomes) >= enough,  # type: ignore[misc]
                within=seconds(120),
                every=seconds(0.01),
            )
            assert flowing, core.log(EXECUTOR)[-4000:]
            poll(
                lambda: fates.schedule.waiting <= _WAITING_MOST,
                within=_MADE_UP_WITHIN,
                every=seconds(0.01),
            )
            if victim == POSTGRES:
                database.kill()
                database.start()
            else:
                core.kill(victim)
                core.start(victim)
            storm.kills[victim] += 1


@contextmanager
def bad_weather(core: Core, storm: Storm) -> Iterator[None]:
    """Order faults at the exchange's door again and again while the block runs."""
    stopped = threading.Event()

    def order() -> None:
        dice, url = random.Random(7), core.settings.url(EXCHANGE)
        headers = {"Authorization": f"Bearer {ADMIN}"}
        with httpx.Client(base_url=url, headers=headers, trust_env=False, timeout=5) as door:
            while not stopped.wait(_FAULTS_EVERY_SECONDS):
                ordered = {
                    dice.choice(("drop_answers", "rate_limit")): 2,
                    "drop_updates": dice.randint(1, 3),
                    "duplicate_updates": dice.randint(1, 5),
                    "reorder_updates": dice.randint(1, 5),
                }
                with suppress(httpx.HTTPError):
                    door.post("/faults", json=ordered).raise_for_status()
                    storm.faults.update(ordered)
                    if dice.random() < 0.2:
                        door.post("/faults/streams/cut").raise_for_status()
                        storm.faults["streams cut"] += 1

    with _running(order, stopped):
        yield
    with suppress(httpx.HTTPError):
        httpx.delete(
            f"{core.settings.url(EXCHANGE)}/faults",
            headers={"Authorization": f"Bearer {ADMIN}"},
            timeout=5,
        )


@contextmanager
def time_passing(core: Core, session: ReplaySession, now: Now) -> Iterator[None]:
    """Move market time a minute each second, and take every open order back now and then."""
    stopped = threading.Event()

    def move() -> None:
        replay = Replay.of(core.settings)
        minutes = 1
        while not stopped.wait(_MINUTE_EVERY_SECONDS):
            with suppress(TradingError):
                now.moment = replay.advance(session.opens_at + timedelta(minutes=minutes + 1)).now
                minutes += 1
                if minutes % 4 == 0:
                    with core.peer(EXECUTOR) as executor:
                        executor.post("/orders/cancel-all", {})
        replay.close()

    with _running(move, stopped):
        yield


@contextmanager
def _running(work: Callable[[], None], stopped: threading.Event) -> Iterator[None]:
    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield
    finally:
        stopped.set()
        thread.join(timeout=120)
