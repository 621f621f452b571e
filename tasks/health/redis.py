"""Redis, which holds nothing that is not elsewhere as well, and is missed all the same."""

from tasks.health.readings import as_result, measured
from tasks.kernel import CheckResult, Verdict, check
from trading_core.clock import seconds
from trading_core.errors import Unreachable
from trading_core.settings import Settings
from trading_core.status.indicators import Level
from trading_core.status.probes import cache

_SLOW_SHOWN = 10


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
