"""Redis, which holds nothing that is not elsewhere as well, and is missed all the same."""

from typing import Any

from tasks.health.readings import as_result, measured
from tasks.kernel import CheckResult, Verdict, check
from trading_core.clock import poll, seconds
from trading_core.errors import Unreachable
from trading_core.market_data.cache import CHANNEL
from trading_core.settings import Settings
from trading_core.status.indicators import Level
from trading_core.status.probes import cache

_SLOW_SHOWN = 10
_HEARD_WITHIN = seconds(5)
_KEYS_LOOKED_AT = 500
# A running session brings bars every minute, and a little time is needed to show them.
WRITTEN_SECONDS_MAX = 65.0


@check(within=seconds(5))
def check_redis(settings: Settings) -> CheckResult:
    """Ask for an answer, for memory, age, evictions and slow commands (HLT-26)."""
    expected = "it answers, and has thrown nothing out"
    try:
        with cache.opened(settings) as client:
            stats, memory = client.info("stats"), client.info("memory")
            keys, slow = client.dbsize(), client.slowlog_get(_SLOW_SHOWN)
    except Unreachable as error:
        return CheckResult(Verdict.FAIL, str(error), expected)
    evicted = int(stats["evicted_keys"])
    evidence = {
        "keys": keys,
        "evicted": evicted,
        "fragmentation": memory["mem_fragmentation_ratio"],
        "slow": [str(one["command"]) for one in slow],
    }
    readings = measured(settings, "redis_memory_percent", "redis_key_age_seconds")
    if any(one.level is not Level.HEALTHY for one in readings):
        return as_result(readings)
    return CheckResult(
        Verdict.WARN if evicted else Verdict.PASS,
        f"answers, {keys} keys, {evicted} evicted, memory {readings[0].found}",
        expected,
        evidence,
        readings[0].value,
        readings[0].limit,
        readings[0].unit,
    )


@check(within=seconds(10))
def check_bars_published(settings: Settings) -> CheckResult:
    """Listen to the channel of bars for some seconds, and to nothing else of Redis (INC-02).

    Between two minutes it is rightly silent: then the age of the newest value counts.
    """
    within = _HEARD_WITHIN.total_seconds()
    expected = f"a bar heard in {within:g} s, or one shown in the last {WRITTEN_SECONDS_MAX:g} s"
    with cache.opened(settings) as client:
        heard, ages = _hears(client), _ages(client)
        listeners = client.pubsub_numsub(CHANNEL)[0][1]
    if not ages and not heard:
        return CheckResult(Verdict.WARN, "no market data is in Redis, and none came", expected)
    age = 0.0 if heard else float(min(ages))
    return CheckResult(
        Verdict.PASS if age <= WRITTEN_SECONDS_MAX else Verdict.WARN,
        "a bar was heard"
        if heard
        else f"none heard in {within:g} s; the newest is {age:.0f} s old",
        expected,
        {"listeners": listeners, "symbols": len(ages)},
        age,
        WRITTEN_SECONDS_MAX,
        " s",
    )


def _hears(client: Any) -> bool:
    with client.pubsub(ignore_subscribe_messages=True) as channel:
        channel.subscribe(CHANNEL)
        return poll(lambda: channel.get_message() is not None, within=_HEARD_WITHIN)


def _ages(client: Any) -> list[int]:
    keys = zip(range(_KEYS_LOOKED_AT), client.scan_iter(f"{CHANNEL}:*"), strict=False)
    return [int(client.object("idletime", key) or 0) for _, key in keys]
