"""Redis: whether it answers, how full it is, how old the market data in it is."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import psutil
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from trading_core.errors import ConfigurationError, Unreachable
from trading_core.settings import Settings
from trading_core.status.indicators import Figure, Idle, Measured

NAMES = ("redis_memory_percent", "redis_key_age_seconds")
_ANSWER_SECONDS_MAX = 2.0
# Enough to see a feed that has stopped, and little enough not to hold Redis up.
_KEYS_MAX = 500


def measure(settings: Settings) -> Mapping[str, Measured]:
    """Return how Redis does.

    Raises:
        Unreachable: It does not answer.
    """
    with opened(settings) as client:
        memory = client.info("memory")
        ages = [
            int(client.object("idletime", key) or 0)
            for _, key in zip(range(_KEYS_MAX), client.scan_iter("market_data:*"), strict=False)
        ]
    oldest = Figure(max(ages), f"of {len(ages)} keys") if ages else Idle("no market data in it")
    return {"redis_memory_percent": _memory(memory), "redis_key_age_seconds": oldest}


@contextmanager
def opened(settings: Settings) -> Iterator[Any]:
    """Lend a client of the stack's Redis.

    Raises:
        Unreachable: It did not answer, whatever it was asked.
    """
    client = redis.Redis(
        host=settings.address("redis"),
        port=settings.port("redis"),
        password=_password(settings),
        socket_timeout=_ANSWER_SECONDS_MAX,
        socket_connect_timeout=_ANSWER_SECONDS_MAX,
        retry=Retry(NoBackoff(), 0),
        decode_responses=True,
    )
    try:
        with client:
            yield client
    except redis.RedisError as error:
        raise Unreachable(
            f"Redis: expected an answer, was {type(error).__name__}: {error}",
            next_step="see `tradeops status` and the log of redis",
        ) from error


def _password(settings: Settings) -> str | None:
    try:
        return settings.secret("redis_password").get_secret_value()
    except ConfigurationError:
        return None  # on loopback it has none


def _memory(memory: Mapping[str, Any]) -> Figure:
    most = int(memory["maxmemory"]) or psutil.virtual_memory().total
    bound = "its limit" if memory["maxmemory"] else "the machine's"
    return Figure(100 * int(memory["used_memory"]) / most, f"of {bound}")
