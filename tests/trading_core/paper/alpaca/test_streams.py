"""The two streams, heard by Alpaca's own clients."""

import asyncio
import contextlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from itertools import count
from threading import Thread
from typing import Any

from alpaca.data.live.stock import StockDataStream
from alpaca.trading.requests import MarketOrderRequest
from alpaca.trading.stream import TradingStream

from tests.trading_core.paper.alpaca.conftest import KEY, SECRET, Alpaca
from tests.trading_core.paper.alpaca.test_orders import usual
from trading_core.clock import poll, seconds


@contextmanager
def listening(stream: Any, ready: Callable[[], bool]) -> Iterator[None]:
    """Run a stream in a thread of its own."""
    thread = Thread(target=stream.run, daemon=True)
    thread.start()
    try:
        assert poll(lambda: stream._running and ready(), within=seconds(10))
        yield
    finally:
        asyncio.run_coroutine_threadsafe(_closed(stream), stream._loop).result(10)
        thread.join(timeout=10)


async def _closed(stream: Any) -> None:
    """Stop at once: `stop` alone takes effect when the next message comes, or in 5 s."""
    await stream.stop_ws()
    with contextlib.suppress(AttributeError):
        await stream._ws.close()


def test_an_orders_life_is_told_by_the_trading_stream(alpaca: Alpaca) -> None:
    heard: list[Any] = []

    async def hear(update: Any) -> None:
        heard.append(update)

    stream = TradingStream(KEY, SECRET, url_override=f"{alpaca.stream_url}/stream")
    stream.subscribe_trade_updates(hear)
    with listening(stream, lambda: True):
        # Authorized is not yet subscribed: the first order may come too early to be heard.
        assert poll(lambda: sent_and_heard(alpaca, heard), within=seconds(10))
    fill = heard[-1]
    assert (fill.event, fill.order.status, fill.qty) == ("fill", "filled", 10)
    assert fill.execution_id is not None
    assert fill.position_qty % 10 == 0


def sent_and_heard(alpaca: Alpaca, heard: list[Any]) -> bool:
    alpaca.trading.submit_order(MarketOrderRequest(**usual()))
    return poll(lambda: bool(heard) and heard[-1].event == "fill", within=seconds(1))


def test_market_data_is_told_in_msgpack_with_real_times(alpaca: Alpaca) -> None:
    heard: list[Any] = []

    async def hear(message: Any) -> None:
        heard.append(message)

    stream = StockDataStream(KEY, SECRET, url_override=f"{alpaca.stream_url}/v2/iex")
    stream.subscribe_bars(hear, "ACME")
    stream.subscribe_updated_bars(hear, "ACME")
    stream.subscribe_daily_bars(hear, "*")
    stream.subscribe_quotes(hear, "ACME")
    stream.subscribe_trades(hear, "ACME")
    stream.subscribe_trading_statuses(hear, "ACME")
    session = alpaca.process.replay.session()
    assert session is not None

    with listening(stream, lambda: True):
        # Connected is not yet subscribed: the first minutes may come too early to be heard.
        minutes = count(2)

        def played_and_heard() -> bool:
            alpaca.play(session.opens_at + timedelta(minutes=next(minutes)))
            return poll(lambda: len(heard) >= 7, within=seconds(1))

        assert poll(played_and_heard, within=seconds(10)), heard
        stream.unsubscribe_trades("ACME")
        stream.unsubscribe_quotes("ACME")
        stream.unsubscribe_bars("ACME")
        stream.unsubscribe_updated_bars("ACME")
        stream.unsubscribe_daily_bars("*")
        stream.unsubscribe_trading_statuses("ACME")
    kinds = [type(message).__name__ for message in heard[:7]]
    assert kinds == ["Quote", "Trade", "Trade", "Trade", "Trade", "Bar", "Bar"]
    minute, day = heard[5:7]
    assert minute.timestamp >= session.opens_at
    assert day.timestamp == datetime(2024, 3, 5, 5, tzinfo=UTC)
    assert day.volume > minute.volume
