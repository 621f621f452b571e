"""The stream clients on the paper exchange."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from decimal import Decimal

import pytest

from tests.trading_core.paper.exchange_parts import stranger_to
from trading_core.broker.client import Broker
from trading_core.broker.http import Endpoint
from trading_core.broker.market_data import MarketDataApi
from trading_core.broker.market_stream import MarketStream
from trading_core.broker.replay import Replay, ReplaySession
from trading_core.broker.stream import TradeUpdate, TradeUpdates
from trading_core.clock import poll, seconds
from trading_core.domain.market import Bar, Quote
from trading_core.domain.orders import Order, OrderRequest, OrderType, Side

WITHIN = seconds(20)


@contextmanager
def connected(stream: TradeUpdates | MarketStream) -> Iterator[None]:
    stream.start()
    try:
        assert poll(lambda: stream.connected, within=WITHIN)
        yield
    finally:
        stream.stop()


def test_updates_carry_the_order_and_the_fill_that_rest_tells_too(
    endpoint: Endpoint, exchange_broker: Broker, session: ReplaySession
) -> None:
    heard: list[TradeUpdate] = []
    with connected(TradeUpdates(endpoint, heard.append, lambda: None)):
        exchange_broker.submit(OrderRequest("a", "ACME", Side.BUY, 5))
        resting = exchange_broker.submit(
            OrderRequest("b", "ACME", Side.BUY, 5, OrderType.LIMIT, Decimal("1.00"))
        )
        assert isinstance(resting, Order)
        exchange_broker.cancel(str(resting.exchange_order_id))
        assert poll(lambda: len(heard) == 4, within=WITHIN), heard
    assert [(u.event, u.order.request.client_order_id) for u in heard] == [
        ("new", "a"),
        ("fill", "a"),
        ("new", "b"),
        ("canceled", "b"),
    ]
    assert [heard[1].fill] == exchange_broker.fills_after(session.opens_at)
    assert heard[1].order == exchange_broker.order_by_client_id("a")
    assert heard[3].order == exchange_broker.order_by_client_id("b")
    assert [u.fill for u in heard if u.event != "fill"] == [None] * 3


def test_bars_and_quotes_of_the_stream_are_those_of_rest(
    endpoint: Endpoint, replay: Replay, session: ReplaySession
) -> None:
    heard: list[Bar | Quote] = []
    data = MarketDataApi(endpoint)
    start = session.opens_at + timedelta(minutes=1)
    with connected(MarketStream(endpoint, ["ACME"], heard.append, lambda: None)):
        replay.advance(start + timedelta(minutes=1))
        assert poll(lambda: len(heard) == 2, within=WITHIN), heard
    assert [item for item in heard if isinstance(item, Bar)] == data.bars(["ACME"], start, start)
    quotes = [item for item in heard if isinstance(item, Quote)]
    assert quotes == list(data.latest_quotes(["ACME"]).values())
    data.close()


@pytest.mark.parametrize("kind", [TradeUpdates, MarketStream])
def test_a_stranger_is_never_connected(endpoint: Endpoint, kind: type) -> None:
    told: list[str] = []
    nobody = stranger_to(endpoint)
    stream = (
        TradeUpdates(nobody, lambda update: None, lambda: told.append("connected"))
        if kind is TradeUpdates
        else MarketStream(nobody, ["*"], lambda data: None, lambda: told.append("connected"))
    )
    stream.start()
    # Greeted after the stranger was turned away, a friend is let in.
    with connected(TradeUpdates(endpoint, lambda update: None, lambda: None)):
        assert not stream.connected
    stream.stop()
    assert told == []
