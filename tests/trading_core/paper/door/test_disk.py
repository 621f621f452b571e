"""Nobody hears of an order before the disk has it, and one flush serves all who wait for it."""

import os
import threading
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest

from tests.trading_core.paper.exchange_parts import DAY, served_exchange
from trading_core.broker.client import Broker
from trading_core.broker.contract import Refused
from trading_core.broker.http import Endpoint
from trading_core.broker.replay import Replay, SessionRequest
from trading_core.broker.stream import TradeUpdate, TradeUpdates
from trading_core.clock import poll, seconds
from trading_core.domain.orders import Order, OrderRequest, Side
from trading_core.errors import Unreachable


class SlowDisk:
    """`os.fsync` of which each call waits until it is let through, or fails."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.calls = 0
        self.fails = False
        self.open = threading.Event()
        self._flush = os.fsync
        monkeypatch.setattr(os, "fsync", self._wait)

    def _wait(self, handle: int) -> None:
        self.calls += 1
        assert self.open.wait(30)
        if self.fails:
            raise OSError("the disk is gone")
        self._flush(handle)


def opened(endpoint: Endpoint) -> None:
    replay = Replay(endpoint)
    session = replay.open(SessionRequest("synthetic", DAY, seed=5))
    replay.advance(session.opens_at + timedelta(minutes=1))
    replay.close()


def submitted(broker: Broker, name: str) -> Order | Refused:
    return broker.submit(OrderRequest(name, "ACME", Side.BUY, 1))


def test_orders_that_come_while_the_disk_is_busy_share_the_next_flush(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with served_exchange(tmp_path) as endpoint, Broker(endpoint) as broker:
        opened(endpoint)
        disk = SlowDisk(monkeypatch)
        with ThreadPoolExecutor(8) as pool:
            first = pool.submit(submitted, broker, "first")
            assert poll(lambda: disk.calls == 1, within=seconds(10))
            others: list[Future[Order | Refused]] = [
                pool.submit(submitted, broker, f"other {number}") for number in range(6)
            ]
            # The journal has them all, and nobody was told.
            journal = tmp_path / "paper" / "journal.jsonl"
            assert poll(lambda: journal.read_text().count('"submit"') == 7, within=seconds(10))
            assert not any(one.done() for one in (first, *others))
            disk.open.set()
            assert all(isinstance(one.result(), Order) for one in (first, *others))
        assert disk.calls == 2


def test_what_the_disk_did_not_take_is_told_to_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard: list[TradeUpdate] = []
    with served_exchange(tmp_path) as endpoint, Broker(endpoint) as broker:
        opened(endpoint)
        stream = TradeUpdates(endpoint, heard.append, lambda: None)
        stream.start()
        assert poll(lambda: stream.connected, within=seconds(10))
        with monkeypatch.context() as patch:
            disk = SlowDisk(patch)
            disk.fails = True
            disk.open.set()
            with pytest.raises(Unreachable, match="status 503"):
                submitted(broker, "lost")
            with pytest.raises(Unreachable, match="status 503"):
                broker.order_by_client_id("lost")
            assert poll(lambda: not stream.connected, within=seconds(10))
            stream.stop()
    assert heard == []
