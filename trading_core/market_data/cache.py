"""Bars and quotes in Redis, for those who want the newest without asking anybody.

Hash `market_data:{symbol}` holds the newest values, channel `market_data` tells of each bar.
Nothing in the core reads them back, and Redis being down never stops or slows a minute: after a
failure it is left alone for a while.
"""

import json
from collections.abc import Callable, Collection, Iterable
from typing import Any, Self

import redis
import structlog
from redis.backoff import NoBackoff
from redis.retry import Retry

from trading_core.clock import stopwatch_seconds
from trading_core.domain.market import Bar, Quote
from trading_core.health import Health
from trading_core.settings import Settings

log = structlog.get_logger(__name__)

CHANNEL = "market_data"

# The library wants keys of a union of seven types; ours are words.
_Fields = dict[Any, str]

_ANSWER_SECONDS_MAX = 0.2
_LEFT_ALONE_SECONDS = 2.0


class Cache:
    """The newest market data in Redis, as far as Redis is there.

    Args:
        stopwatch: Seconds that only grow; by it a failed Redis is left alone.
    """

    def __init__(
        self,
        host: str,
        port: int,
        *,
        password: str | None = None,
        stopwatch: Callable[[], float] = stopwatch_seconds,
    ) -> None:
        self._stopwatch = stopwatch
        self._redis = redis.Redis(
            host=host,
            port=port,
            password=password,
            socket_timeout=_ANSWER_SECONDS_MAX,
            socket_connect_timeout=_ANSWER_SECONDS_MAX,
            # The library's own retries would wait for seconds inside a minute.
            retry=Retry(NoBackoff(), 0),
        )
        self._not_before_seconds = float("-inf")

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """Return the cache in the stack's Redis."""
        return cls(settings.address("redis"), settings.port("redis"), password=_password(settings))

    def show(self, bars: Iterable[Bar], quotes: Iterable[Quote]) -> bool:
        """Put the newest values up and tell of each bar; return whether Redis took them."""
        if self._stopwatch() < self._not_before_seconds:
            return False
        try:
            with self._redis.pipeline(transaction=False) as pipe:
                for quote in quotes:
                    pipe.hset(_key(quote.symbol), mapping=_quote_fields(quote))
                for bar in bars:
                    pipe.hset(_key(bar.symbol), mapping=_bar_fields(bar))
                    pipe.publish(CHANNEL, json.dumps({"symbol": bar.symbol, **_bar_fields(bar)}))
                pipe.execute()
        except redis.RedisError as error:
            self._not_before_seconds = self._stopwatch() + _LEFT_ALONE_SECONDS
            log.warning("redis left alone", error=repr(error), seconds=_LEFT_ALONE_SECONDS)
            return False
        return True

    def shown(self) -> dict[str, dict[str, str]]:
        """Return what is shown of each symbol, by key. Raises `redis.RedisError`."""
        keys: list[Any] = sorted(self._redis.scan_iter(f"{CHANNEL}:*", count=1000))
        return {str(key, "utf-8"): _words(self._redis.hgetall(key)) for key in keys}

    def forget(self, keys: Collection[str]) -> int:
        """Take symbols down by their keys; return how many. Raises `redis.RedisError`."""
        return int(self._redis.delete(*keys)) if keys else 0

    def health(self) -> Health:
        """Return whether Redis answers now; the service does without it."""
        try:
            self._redis.ping()
        except redis.RedisError as error:
            return Health(ok=False, detail=f"redis: {error}", needed=False)
        return Health(ok=True, detail="answers", needed=False)

    def close(self) -> None:
        """Give the connections back."""
        self._redis.close()


def _password(settings: Settings) -> str | None:
    """Return the password of a Redis that has one: where hosts can reach it."""
    if not (settings.secrets_dir / "redis_password").exists():
        return None
    return settings.secret("redis_password").get_secret_value()


def _words(fields: dict[Any, Any]) -> dict[str, str]:
    return {str(name, "utf-8"): str(value, "utf-8") for name, value in fields.items()}


def _key(symbol: str) -> str:
    return f"market_data:{symbol}"


def _quote_fields(quote: Quote) -> _Fields:
    return {
        "bid_usd": str(quote.bid_usd),
        "bid_size": str(quote.bid_size),
        "ask_usd": str(quote.ask_usd),
        "ask_size": str(quote.ask_size),
        "quote_at": quote.at.isoformat(),
    }


def _bar_fields(bar: Bar) -> _Fields:
    return {
        "open_usd": str(bar.open_usd),
        "high_usd": str(bar.high_usd),
        "low_usd": str(bar.low_usd),
        "close_usd": str(bar.close_usd),
        "volume": str(bar.volume),
        "bar_started_at": bar.started_at.isoformat(),
    }
