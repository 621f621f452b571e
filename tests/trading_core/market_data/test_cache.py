"""Market data in a real Redis, and the service's life without one."""

import json
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import redis

from infra.embedded import redis as embedded
from tests.fakes.market_feeds import a_bar, a_quote
from tests.fakes.strategy_surroundings import OPENS_AT
from tests.fix_postgres import free_port
from trading_core.clock import poll, seconds
from trading_core.market_data.cache import CHANNEL, Cache


@contextmanager
def redis_server(root: Path, port: int) -> Iterator["subprocess.Popen[bytes]"]:
    command = embedded.command(root, "127.0.0.1", port)
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    try:
        assert poll(lambda: _answers(port), within=seconds(20))
        yield server
    finally:
        server.kill()
        server.wait()


def _answers(port: int) -> bool:
    with redis.Redis(port=port) as client:
        try:
            return bool(client.ping())
        except redis.RedisError:
            return False


@pytest.fixture
def port() -> int:
    return free_port()


@pytest.fixture
def cache(port: int) -> Iterator[Cache]:
    cache = Cache("127.0.0.1", port)
    yield cache
    cache.close()


def test_the_newest_values_are_in_a_hash_and_each_bar_is_told_on_the_channel(
    tmp_path: Path, port: int, cache: Cache
) -> None:
    with redis_server(tmp_path, port), redis.Redis(port=port, decode_responses=True) as client:
        listener = client.pubsub()
        listener.subscribe(CHANNEL)
        assert listener.get_message(timeout=5) is not None
        assert cache.show([a_bar("SPY", 0, 101)], [a_quote("SPY", OPENS_AT, 100)])
        assert client.hgetall("market_data:SPY") == {
            "open_usd": "101",
            "high_usd": "101",
            "low_usd": "101",
            "close_usd": "101",
            "volume": "100",
            "bar_started_at": "2013-10-07T13:30:00+00:00",
            "bid_usd": "100",
            "bid_size": "100",
            "ask_usd": "101",
            "ask_size": "200",
            "quote_at": "2013-10-07T13:30:00+00:00",
        }
        told = listener.get_message(timeout=5)
        assert told is not None
        assert json.loads(told["data"])["symbol"] == "SPY"
        listener.close()


def test_without_redis_nothing_is_shown_and_nothing_raised(cache: Cache) -> None:
    assert cache.show([a_bar("SPY", 0)], []) is False
    health = cache.health()
    assert (health.ok, health.needed) == (False, False)


def test_a_redis_that_comes_back_is_used_again(tmp_path: Path, port: int, cache: Cache) -> None:
    assert cache.show([a_bar("SPY", 0)], []) is False
    with redis_server(tmp_path, port):
        assert poll(lambda: cache.show([a_bar("SPY", 0)], []), within=seconds(20))
        assert cache.health().ok


def test_a_deaf_redis_is_left_alone_for_a_while_and_then_tried_again(
    tmp_path: Path, port: int
) -> None:
    now_seconds = 100.0
    cache = Cache("127.0.0.1", port, stopwatch=lambda: now_seconds)
    with redis_server(tmp_path, port) as server:
        assert cache.show([a_bar("SPY", 0)], [])
        server.send_signal(signal.SIGSTOP)
        assert cache.show([a_bar("SPY", 0)], []) is False
        server.send_signal(signal.SIGCONT)
        # It answers again, and is not even asked: a deaf one would cost each minute a timeout.
        assert cache.show([a_bar("SPY", 0)], []) is False
        now_seconds += 5
        assert cache.show([a_bar("SPY", 0)], [])
    cache.close()
