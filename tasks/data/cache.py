"""The newest market data in Redis: a copy for whoever wants it, and nothing else."""

from collections.abc import Callable
from typing import TypeVar

import redis

from tasks.kernel import Change, CheckResult, Unchanged, Verdict, action, check
from trading_core.clock import seconds
from trading_core.errors import Unreachable
from trading_core.market_data.cache import Cache
from trading_core.settings import Settings

_T = TypeVar("_T")
_SHOWS_WITHIN = seconds(5)


@check
def check_cache_answers(settings: Settings) -> CheckResult:
    """Ask Redis; count the symbols it shows."""
    try:
        shown = _shown(settings)
    except Unreachable as error:
        return CheckResult(Verdict.FAIL, str(error), "Redis answers")
    return CheckResult(Verdict.PASS, f"Redis answers, {len(shown)} symbols shown", "Redis answers")


@action
def ensure_cache_cleared(settings: Settings) -> Change[int] | Unchanged[int]:
    """Delete every key of market data, and no other; the next minute fills them again."""
    before = _shown(settings)
    if not before:
        return Unchanged("no symbol is shown", 0)

    def gone() -> bool:
        # A session that goes on has filled some again, with something newer.
        now = _shown(settings)
        return not any(now.get(key) == content for key, content in before.items())

    return Change(
        does="delete the market data shown in Redis",
        act=lambda _fence: _asked(settings, lambda cache: cache.forget(before)),
        holds=gone,
        within=_SHOWS_WITHIN,
        gated=True,
        facts={"keys": sorted(before)},
    )


def _shown(settings: Settings) -> dict[str, dict[str, str]]:
    return _asked(settings, lambda cache: cache.shown())


def _asked(settings: Settings, ask: Callable[[Cache], _T]) -> _T:
    cache = Cache.of(settings)
    try:
        return ask(cache)
    except redis.RedisError as error:
        raise Unreachable(
            f"redis: expected an answer, was {error}",
            next_step="see whether it runs: `tradeops status`",
        ) from error
    finally:
        cache.close()
