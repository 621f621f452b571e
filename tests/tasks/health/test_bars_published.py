"""The channel of bars in a real Redis: silent, heard, and silent between two minutes."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tasks.health.redis import check_bars_published
from tasks.kernel import Verdict
from tests.fakes.market_feeds import a_bar
from tests.fix_postgres import free_port
from tests.trading_core.market_data.test_cache import redis_server
from trading_core.clock import seconds
from trading_core.errors import Unreachable
from trading_core.market_data.cache import Cache
from trading_core.settings import Settings


@pytest.fixture
def settings(monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.setattr("tasks.health.redis._HEARD_WITHIN", seconds(0.3))
    return Settings(ports={"redis": free_port()})


@pytest.fixture
def cache(settings: Settings, tmp_path: Path) -> Iterator[Cache]:
    with redis_server(tmp_path, settings.port("redis")):
        cache = Cache.of(settings)
        yield cache
        cache.close()


def test_no_data_is_a_warning_and_a_bar_is_green_heard_or_just_shown(
    settings: Settings, cache: Cache, monkeypatch: pytest.MonkeyPatch
) -> None:
    empty = check_bars_published.fn(settings)
    assert (empty.verdict, empty.found) == (
        Verdict.WARN,
        "no market data is in Redis, and none came",
    )

    cache.show([a_bar("ACME", 0)], [])
    between = check_bars_published.fn(settings)
    assert (between.verdict, between.evidence["listeners"]) == (Verdict.PASS, 0)
    assert "none heard in 0.3 s; the newest is" in between.found

    monkeypatch.setattr("tasks.health.redis.WRITTEN_SECONDS_MAX", -1.0)
    assert check_bars_published.fn(settings).verdict is Verdict.WARN


def test_a_bar_that_comes_while_it_listens_is_heard(
    settings: Settings, cache: Cache, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tasks.health.redis._HEARD_WITHIN", seconds(5))
    done = threading.Event()

    def tell() -> None:
        while not done.wait(0.05):
            cache.show([a_bar("ACME", 0)], [])

    teller = threading.Thread(target=tell)
    teller.start()
    try:
        found = check_bars_published.fn(settings)
    finally:
        done.set()
        teller.join()
    assert (found.verdict, found.found) == (Verdict.PASS, "a bar was heard")


def test_a_redis_that_is_down_is_not_known(settings: Settings) -> None:
    with pytest.raises(Unreachable, match="Redis: expected an answer"):
        check_bars_published.fn(settings)
