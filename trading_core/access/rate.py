"""How often each token may call: a bucket that fills steadily and is emptied by calls.

Protective calls have buckets of their own, so that no flood of ordinary ones delays a halt.
"""

from dataclasses import dataclass
from threading import Lock

from trading_core.clock import stopwatch_seconds

# A token holds back at most this many seconds of its calls for a burst.
_BURST_SECONDS = 10.0


@dataclass(slots=True)
class _Bucket:
    calls: float
    filled_at_seconds: float


class RateLimiter:
    """One bucket for each token. Threads may share one."""

    def __init__(self) -> None:
        self._buckets: dict[str, _Bucket] = {}
        self._turn = Lock()

    def wait_seconds(self, token_id: str, calls_per_minute: int) -> float:
        """Take one call; return 0, or how long until there is one to take."""
        per_second = calls_per_minute / 60
        size = max(1.0, per_second * _BURST_SECONDS)
        now_seconds = stopwatch_seconds()
        with self._turn:
            bucket = self._buckets.setdefault(token_id, _Bucket(size, now_seconds))
            gained = (now_seconds - bucket.filled_at_seconds) * per_second
            bucket.calls = min(size, bucket.calls + gained)
            bucket.filled_at_seconds = now_seconds
            if bucket.calls >= 1:
                bucket.calls -= 1
                return 0.0
            return (1 - bucket.calls) / per_second
