"""The one place where time is read, waited for or measured.

Everything else is given a `Clock`. Market time comes from the exchange: in a replay it runs
faster than real time and stands still between minutes, so results do not depend on the machine.
"""

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Protocol
from zoneinfo import ZoneInfo

EXCHANGE_ZONE = ZoneInfo("America/New_York")


class Clock(Protocol):
    """Something that knows what time it is."""

    def now(self) -> datetime:
        """Return the present moment, UTC and aware."""
        ...


class SystemClock:
    """The wall clock of this machine."""

    def now(self) -> datetime:
        """Return this machine's time."""
        return datetime.now(UTC)


class SteppedClock:
    """A clock that only moves when it is told to: market time in a replay, and in tests."""

    def __init__(self, start: datetime) -> None:
        self._now = _aware(start)

    def now(self) -> datetime:
        """Return the moment it was last moved to."""
        return self._now

    def move_to(self, moment: datetime) -> None:
        """Set the clock to `moment` (aware); backwards as well: a new session may be older."""
        self._now = _aware(moment)


def seconds(count: float) -> timedelta:
    """Return `count` seconds, so that a deadline reads as words: `within=seconds(5)`."""
    return timedelta(seconds=count)


def minutes(count: float) -> timedelta:
    """Return `count` minutes."""
    return timedelta(minutes=count)


def hours(count: float) -> timedelta:
    """Return `count` hours."""
    return timedelta(hours=count)


def stopwatch_seconds() -> float:
    """Return a monotonic reading in seconds; only differences mean anything."""
    return time.perf_counter()


def uptime_seconds() -> float:
    """Return a monotonic reading in seconds that also counts while the machine is suspended."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def pause(duration: timedelta) -> None:
    """Give the machine away for `duration`. For pacing a poll, never for hoping."""
    time.sleep(duration.total_seconds())


def poll(
    question: Callable[[], bool],
    *,
    within: timedelta,
    every: timedelta = timedelta(milliseconds=100),
) -> bool:
    """Ask until the answer is yes or the time is up.

    Args:
        question: Asked at least once, and once more after the deadline.
        within: How long to go on asking.
        every: Pause between two questions.

    Returns:
        The last answer. Errors of `question` are the caller's to handle: they pass through.
    """
    deadline = time.monotonic() + within.total_seconds()
    while not question():
        if time.monotonic() >= deadline:
            return question()
        pause(min(every, timedelta(seconds=max(deadline - time.monotonic(), 0.001))))
    return True


def _aware(moment: datetime) -> datetime:
    if moment.tzinfo is None:
        raise ValueError(
            f"moment: expected an aware datetime, was {moment.isoformat()} without a zone"
        )
    return moment.astimezone(UTC)
