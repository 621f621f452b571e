"""Keys that Redis shows and nobody writes any more: told, and taken down in batches (RDM-02).

Redis owns nothing (docs/state-ownership.md): whatever goes is filled again by whoever shows it. A
key is stale by the time since it was last touched, which Redis itself keeps. Its own market time
would be wrong: in a replay that is years ago while the key is seconds old.
"""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from tasks.kernel import Change, CheckResult, Unchanged, Verdict, action, check
from trading_core.clock import hours, seconds
from trading_core.errors import Unreachable
from trading_core.settings import Settings
from trading_core.status.probes import cache

STALE_AFTER = hours(24)  # DM-R01: 86,400 s
FRAGMENTATION_MAX = 1.5
_FRAGMENTED_BYTES_MIN = 64 << 20  # of a small heap the ratio says nothing
_BATCH_KEYS = 500
_SHOWN = 5
_SHOWS_WITHIN = seconds(5)


@check
def check_keys_fresh(settings: Settings) -> CheckResult:
    """Count keys that nobody touched for a day, and name some that will never expire (DM-R04)."""
    expected = f"no key untouched for {STALE_AFTER.total_seconds() / 3600:g} h"
    try:
        with cache.opened(settings) as client:
            ages = dict(_ages(client))
            lasting = [key for key in ages if client.ttl(key) == -1]
    except Unreachable as error:
        return CheckResult(Verdict.UNKNOWN, str(error), expected)
    stale = [key for key, age in ages.items() if age > STALE_AFTER]
    return CheckResult(
        Verdict.WARN if stale else Verdict.PASS,
        f"{len(stale)} of {len(ages)} keys stale, {len(lasting)} without an expiry",
        expected,
        {"stale": stale[:_SHOWN], "without expiry": lasting[:_SHOWN]},
        len(stale),
        0,
        " keys",
    )


@check
def check_redis_fragmentation(settings: Settings) -> CheckResult:
    """Measure how much more memory Redis holds than it uses (RDM-03)."""
    expected = f"less than {FRAGMENTATION_MAX:g} times what is used"
    try:
        with cache.opened(settings) as client:
            memory = client.info("memory")
    except Unreachable as error:
        return CheckResult(Verdict.UNKNOWN, str(error), expected)
    ratio, used = float(memory["mem_fragmentation_ratio"]), int(memory["used_memory"])
    is_small = used < _FRAGMENTED_BYTES_MIN
    small = ", too little to tell" if is_small else ""
    return CheckResult(
        Verdict.WARN if ratio >= FRAGMENTATION_MAX and not is_small else Verdict.PASS,
        f"{ratio:.2f} times the {used / 1e6:.1f} MB used{small}",
        expected,
        {"used_bytes": used},
        ratio,
        FRAGMENTATION_MAX,
        " times",
    )


@action
def ensure_stale_keys_removed(
    settings: Settings, older_than: timedelta = STALE_AFTER
) -> Change[int] | Unchanged[int]:
    """Take down the keys that nobody touched for that long; return how many.

    Raises:
        Unreachable: Redis does not answer.
    """
    stale = _stale(settings, older_than)
    words = f"{older_than.total_seconds() / 3600:g} h"
    if not stale:
        return Unchanged(f"every key was touched within {words}", 0)

    def act(_fence: int) -> int:
        removed = 0
        with cache.opened(settings) as client:
            for first in range(0, len(stale), _BATCH_KEYS):
                batch = stale[first : first + _BATCH_KEYS]
                # One that was written since is fresh: it stays.
                removed += sum(int(client.unlink(key)) for key, _ in _older(client, batch))
        return removed

    def _older(client: Any, keys: list[str]) -> list[tuple[str, timedelta]]:
        return [(key, age) for key in keys if (age := _age(client, key)) and age > older_than]

    return Change(
        does=f"take down {len(stale)} keys of Redis untouched for {words}",
        act=act,
        holds=lambda: not set(stale) & set(_stale(settings, older_than)),
        within=_SHOWS_WITHIN,
        facts={"keys": stale[:_BATCH_KEYS]},
    )


def _stale(settings: Settings, older_than: timedelta) -> list[str]:
    with cache.opened(settings) as client:
        return sorted(key for key, age in _ages(client) if age > older_than)


def _ages(client: Any) -> Iterator[tuple[str, timedelta]]:
    for key in client.scan_iter("*", count=1000):
        age = _age(client, key)
        if age is not None:
            yield str(key), age


def _age(client: Any, key: str) -> timedelta | None:
    """Return how long a key was not touched; None: it is gone."""
    idle = client.object("idletime", key)
    return None if idle is None else seconds(int(idle))
