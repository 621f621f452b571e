"""Twenty deaths, each at a random place of the journal: what was acknowledged is there afterwards.

The death of the machine is worse than that of the process: what was written and not yet flushed may
be gone from anywhere on. So the tail behind the last acknowledged record is cut at random as well.
"""

import multiprocessing
import os
import random
import signal
from datetime import timedelta
from decimal import Decimal
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from tests.trading_core.paper.exchange_parts import DAY, limit, market
from trading_core.domain.orders import Side
from trading_core.paper.market.sessions import SessionSpec
from trading_core.paper.orders.order import PaperOrder
from trading_core.paper.venue import Venue

KILLS = 20
SPEC = SessionSpec("synthetic", None, DAY, None, seed=5)
_PROCESSES = multiprocessing.get_context("forkserver")

# Order id, status, shares filled, executions and cash so far, bytes of the journal.
Told = tuple[str, str, Decimal, int, Decimal, int]


def trade(folder: Path, seed: int, told: Connection) -> None:
    """Trade until killed; tell of each order once the disk has it, as the door would."""
    dice, venue = random.Random(seed), Venue(folder, grouped=True)
    exchange = venue.current()
    for number in range(10_000):
        side = dice.choice((Side.BUY, Side.SELL))
        terms = market(f"{seed}-{number}", side, dice.randint(1, 90))
        if dice.random() < 0.3:
            far = "1.00" if side is Side.BUY else "900.00"
            terms = limit(f"{seed}-{number}", side, dice.randint(1, 90), far)
        order = venue.submit(terms)
        if dice.random() < 0.1:
            venue.cancel_all()
        if dice.random() < 0.1 and exchange.now < exchange.tape.hours.closes_at:
            venue.advance(exchange.now + timedelta(minutes=1))
        mark = venue.mark()
        if dice.random() < 0.5 or not isinstance(order, PaperOrder) or mark is None:
            continue  # some are written, and nobody was told
        mark[0].flush()
        account = exchange.account
        size = (folder / "journal.jsonl").stat().st_size
        facts = (len(account.executions), account.cash_ticks, size)
        told.send((order.id, order.status.value, order.filled_quantity, *facts))


def killed(folder: Path, seed: int, after: int) -> list[Told]:
    """Let a process trade, kill it after so many acknowledgements, return what it told."""
    hears, tells = _PROCESSES.Pipe(duplex=False)
    process = _PROCESSES.Process(target=trade, args=(folder, seed, tells))
    process.start()
    tells.close()
    heard: list[Told] = []
    try:
        while True:
            heard.append(hears.recv())
            if len(heard) == after:
                os.kill(process.pid or 0, signal.SIGKILL)
    except EOFError:
        process.join(60)
    assert process.exitcode == -signal.SIGKILL
    return heard


def assert_kept(venue: Venue, heard: list[Told]) -> None:
    account = venue.current().account
    for order_id, status, filled, *_ in heard:
        order: Any = account.order(order_id)
        assert order is not None
        assert order.filled_quantity >= filled
        assert order.status.value == status or status in ("new", "partially_filled")
    *_, executions, cash_ticks, _size = heard[-1]
    told = account.executions[:executions]
    assert len(told) == executions
    moved = sum(_sign(one.side) * one.quantity * one.price_ticks for one in told)
    assert cash_ticks == account.starting_cash_ticks + moved


def _sign(side: Side) -> int:
    return -1 if side is Side.BUY else 1


def test_killed_twenty_times_at_random_it_loses_nothing_acknowledged(tmp_path: Path) -> None:
    _PROCESSES.set_forkserver_preload([__name__])
    dice, journal = random.Random(20131007), tmp_path / "journal.jsonl"
    venue = Venue(tmp_path)
    exchange = venue.open_session(SPEC)
    venue.advance(exchange.tape.hours.opens_at + timedelta(minutes=1))
    venue.close()
    heard: list[Told] = []
    for seed in range(KILLS):
        heard += killed(tmp_path, seed, after=dice.randint(1, 12))
        acknowledged, written = heard[-1][-1], journal.stat().st_size
        os.truncate(journal, dice.randint(acknowledged, written))
        venue = Venue(tmp_path)
        assert_kept(venue, heard)
        venue.close()
