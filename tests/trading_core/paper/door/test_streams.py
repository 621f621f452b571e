"""The two streams, spoken to word for word."""

import asyncio
import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from websockets.sync.client import connect
from websockets.sync.connection import Connection

from tests.trading_core.paper.exchange_parts import DAY, served_exchange
from trading_core.broker.client import Broker
from trading_core.broker.http import Endpoint
from trading_core.broker.replay import Replay, ReplaySession, SessionRequest
from trading_core.domain.orders import Order, OrderRequest, Side
from trading_core.paper.door.disk import Disk
from trading_core.paper.door.streams.stream import Listener

KEY, SECRET = "the broker_key_id", "the broker_secret_key"


@pytest.fixture(scope="module")
def endpoint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Endpoint]:
    with served_exchange(tmp_path_factory.mktemp("exchange")) as endpoint:
        yield endpoint


@pytest.fixture
def replay(endpoint: Endpoint) -> Iterator[Replay]:
    replay = Replay(endpoint)
    yield replay
    replay.close()


@pytest.fixture
def session(replay: Replay) -> ReplaySession:
    session = replay.open(SessionRequest("synthetic", DAY, symbols=("ACME", "BOLT"), seed=1))
    replay.advance(session.opens_at + timedelta(minutes=1))
    return session


@pytest.fixture
def broker(endpoint: Endpoint) -> Iterator[Broker]:
    with Broker(endpoint) as broker:
        yield broker


@pytest.fixture
def trading(endpoint: Endpoint) -> Iterator[Connection]:
    with connect(f"{endpoint.stream_base_url}/stream", proxy=None) as socket:
        yield socket


@pytest.fixture
def data(endpoint: Endpoint) -> Iterator[Connection]:
    with connect(f"{endpoint.stream_base_url}/v2/iex", proxy=None) as socket:
        assert hear(socket) == [{"T": "success", "msg": "connected"}]
        yield socket


def say(socket: Connection, **message: object) -> None:
    socket.send(json.dumps(message))


def hear(socket: Connection) -> Any:
    return json.loads(socket.recv(timeout=10))


def listen(trading: Connection) -> None:
    say(trading, action="auth", key=KEY, secret=SECRET)
    assert hear(trading)["data"]["status"] == "authorized"
    say(trading, action="listen", data={"streams": ["trade_updates"]})
    assert hear(trading) == {"stream": "listening", "data": {"streams": ["trade_updates"]}}


def subscribe(data: Connection, **topics: list[str]) -> None:
    say(data, action="auth", key=KEY, secret=SECRET)
    assert hear(data) == [{"T": "success", "msg": "authenticated"}]
    say(data, action="subscribe", **topics)
    assert hear(data)[0]["T"] == "subscription"


def buy(broker: Broker, name: str) -> Order:
    answer = broker.submit(OrderRequest(name, "ACME", Side.BUY, 10))
    assert isinstance(answer, Order), answer
    return answer


def test_a_stranger_is_told_so_and_hears_nothing(
    trading: Connection, session: ReplaySession, broker: Broker
) -> None:
    say(trading, action="auth", key=KEY, secret="guess")
    assert hear(trading)["data"]["status"] == "unauthorized"
    say(trading, action="listen", data={"streams": ["trade_updates"]})
    buy(broker, "a")
    listen(trading)  # and the answer to this is the next thing that is said


def test_the_older_words_of_authorization_are_understood(trading: Connection) -> None:
    say(trading, action="authenticate", data={"key_id": KEY, "secret_key": SECRET})
    assert hear(trading)["data"] == {"status": "authorized", "action": "authenticate"}


def test_an_order_is_told_from_its_arrival_to_its_fill(
    trading: Connection, session: ReplaySession, broker: Broker
) -> None:
    listen(trading)
    order = buy(broker, "a")
    new, fill = hear(trading), hear(trading)
    assert [m["stream"] for m in (new, fill)] == ["trade_updates"] * 2
    assert [m["data"]["event"] for m in (new, fill)] == ["new", "fill"]
    assert new["data"]["order"]["filled_qty"] == "0"
    assert fill["data"]["order"]["id"] == order.exchange_order_id
    assert (fill["data"]["qty"], fill["data"]["position_qty"]) == ("10", "10")
    [recorded] = broker.fills_after(session.opens_at)
    assert fill["data"]["execution_id"] == recorded.execution_id


def test_a_listener_hears_nothing_it_did_not_ask_for(
    trading: Connection, session: ReplaySession, broker: Broker
) -> None:
    say(trading, action="auth", key=KEY, secret=SECRET)
    hear(trading)
    buy(broker, "a")
    say(trading, action="listen", data={"streams": ["account_updates"]})
    assert hear(trading)["data"]["streams"] == []


def test_words_that_make_no_sense_do_not_end_the_connection(trading: Connection) -> None:
    for text in ("", "nonsense", "[]", '{"action": 5}', '{"action": "listen", "data": 7}'):
        trading.send(text)
    trading.send(b"\xff\x00")
    listen(trading)


def test_market_data_needs_credentials(data: Connection) -> None:
    say(data, action="subscribe", bars=["*"])
    assert hear(data) == [{"T": "error", "code": 401, "msg": "not authenticated"}]
    say(data, action="auth", key="guess", secret=SECRET)
    assert hear(data) == [{"T": "error", "code": 402, "msg": "auth failed"}]


def test_a_minute_brings_its_bar_and_the_quote_it_ended_with(
    data: Connection, session: ReplaySession, replay: Replay
) -> None:
    subscribe(data, bars=["ACME"], quotes=["*"])
    replay.advance(session.opens_at + timedelta(minutes=2))
    heard = hear(data)
    assert [(m["T"], m["S"], m["t"]) for m in heard] == [
        ("q", "ACME", "2024-03-05T14:32:00Z"),
        ("q", "BOLT", "2024-03-05T14:32:00Z"),
        ("b", "ACME", "2024-03-05T14:31:00Z"),
    ]


def test_a_leap_of_minutes_brings_every_bar_in_order(
    data: Connection, session: ReplaySession, replay: Replay
) -> None:
    subscribe(data, bars=["*"])
    replay.advance(session.opens_at + timedelta(minutes=4))
    assert [(m["t"][14:16], m["S"]) for m in hear(data)] == [
        (minute, symbol) for minute in ("31", "32", "33") for symbol in ("ACME", "BOLT")
    ]


def test_advancing_to_the_same_minute_says_nothing(
    data: Connection, session: ReplaySession, replay: Replay
) -> None:
    subscribe(data, bars=["*"])
    replay.advance(session.opens_at + timedelta(minutes=1))
    say(data, action="unsubscribe", bars=["*"])
    assert {name for name, topics in hear(data)[0].items() if topics} == {"T"}


def test_subscriptions_add_up_and_are_told(data: Connection) -> None:
    subscribe(data, bars=["ACME"])
    say(data, action="subscribe", bars=["BOLT"], quotes=["ACME"])
    [told] = hear(data)
    assert {name: topics for name, topics in told.items() if topics} == {
        "T": "subscription",
        "quotes": ["ACME"],
        "bars": ["ACME", "BOLT"],
    }


def test_a_listener_that_falls_too_far_behind_is_disconnected() -> None:
    async def overflow() -> tuple[int, bool]:
        listener = Listener(Disk(lambda: None))
        listener.authorized = True
        for number in range(10_001):
            listener.tell({"number": number})
        sent = 0
        while isinstance(text := await listener.next(), str):
            assert json.loads(text) == {"number": sent}
            sent += 1
        return sent, listener.authorized

    assert asyncio.run(overflow()) == (10_000, False)
