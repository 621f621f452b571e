"""Redis owns nothing: the core goes on, and starts again right, with Redis flushed and gone."""

from collections.abc import Mapping
from typing import Any

import redis

from tests.fix_core import WORD, Core
from trading_core.clock import poll, seconds
from trading_core.lockstep import MINUTE


def test_a_session_goes_on_and_services_restart_right_without_redis(core: Core) -> None:
    with core.peer("gateway") as gateway:
        opened = gateway.post(
            "/api/v1/session", {**WORD, "source": "synthetic", "date": "2013-10-07"}
        )
    core.exchange_clock_to(opened["opens_at"], plus=3 * MINUTE)
    collected(core)
    with redis.Redis(port=core.settings.port("redis")) as client:
        assert client.keys("market_data:*")
        client.flushall()
    before = state_of(core)

    # Flushed: a service that starts now finds nothing there, and lacks nothing.
    restart(core, "market_data")
    assert collected(core) == 3
    assert state_of(core) == before

    # Gone, while market time moves on and another service starts again.
    core.kill("redis")
    core.exchange_clock_to(opened["opens_at"], plus=5 * MINUTE)
    assert collected(core) == 5
    for name in ("market_data", "trade_executor"):
        restart(core, name)
    assert collected(core) == 5
    after = state_of(core)
    assert after["trading"] == before["trading"]
    assert after["account"] == before["account"]
    assert len(after["bars"]) > len(before["bars"])

    # Back and empty: filled with the next minute.
    core.start("redis")
    core.exchange_clock_to(opened["opens_at"], plus=6 * MINUTE)
    assert poll(lambda: shows_again(core), within=seconds(60), every=seconds(0.5))


def shows_again(core: Core) -> bool:
    """Collect, and return whether Redis shows it."""
    collected(core)
    with redis.Redis(port=core.settings.port("redis")) as client:
        try:
            return bool(client.keys("market_data:*"))
        except redis.RedisError:
            return False


def collected(core: Core) -> int:
    """Have everything collected; return how many minutes there are."""
    with core.peer("market_data") as data:
        data.post("/api/v1/collect-now", WORD)
        return len({bar["started_at"] for bar in data.get("/bars")["bars"]})


def restart(core: Core, name: str) -> None:
    core.kill(name)
    core.start(name)
    core.await_ready(name)


def state_of(core: Core) -> Mapping[str, Any]:
    """Return what the core takes to be so, from those whose word counts."""
    with core.peer("market_data") as data, core.peer("trade_executor") as executor:
        return {
            "bars": data.get("/bars")["bars"],
            "trading": {
                k: executor.get("/state")[k] for k in ("mode", "trading_enabled", "breaker")
            },
            "account": executor.get("/broker/status").get("account"),
        }
