"""The gateway looks at the whole system every few seconds, and keeps what it saw.

A page or a score is answered from the last look, so that many who watch cost no more than one. A
look that is too old is no look: then there is no score, and the page says so.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event, Thread

import structlog

from trading_core.clock import SystemClock, seconds
from trading_core.errors import Unreachable
from trading_core.metrics import Metrics
from trading_core.settings import Settings
from trading_core.status.board import Board, look

_LOOKS_MISSED_MAX = 4
_TOLD = ("broker_test_failed", "backup_age_hours", "backup_failures")

log = structlog.get_logger(__name__)


class SystemWatch:
    """The newest board, for as long as it is new."""

    def __init__(self, settings: Settings, metrics: Metrics) -> None:
        self._settings = settings
        self._clock = SystemClock()
        self._stopping = Event()
        self._board: Board | None = None
        self._old_after = seconds(_LOOKS_MISSED_MAX * settings.status_every_seconds + 10)
        # Absent while nobody knows: a number that stands still would look like health.
        self._score = metrics.gauge("health_score")
        # What alerts are made of, and only a look at the whole can tell.
        self._told = {name: metrics.gauge(name) for name in _TOLD}
        self._tell(None)

    @contextmanager
    def running(self) -> Iterator[None]:
        """Look again and again for the length of a `with` block."""
        Thread(target=self._go_on, name="system watch", daemon=True).start()
        try:
            yield
        finally:
            self._stopping.set()

    def board(self) -> Board:
        """Return the newest look.

        Raises:
            Unreachable: There is none yet, or none that is new.
        """
        found = self._board
        if found is None or self._clock.now() - found.at > self._old_after:
            raise Unreachable(
                f"status: expected a look of the last {self._old_after.total_seconds():.0f} s, "
                f"was {'none yet' if found is None else f'one of {found.at:%T} UTC'}",
                next_step="ask again in a few seconds, or run `tradeops status` on the machine",
            )
        return found

    def facts(self) -> dict[str, float | None]:
        """Return what `/health` tells of the whole: the score, null where it is not known."""
        try:
            return {"health_score": self.board().score.value}
        except Unreachable:
            return {"health_score": None}

    def _go_on(self) -> None:
        while not self._stopping.is_set():
            try:
                self._board = look(self._settings)
            except Exception as error:  # noqa: BLE001 - the next look may succeed; this one is none
                log.warning("the system could not be looked at", error=str(error))
            try:
                self._tell(self.board())
            except Unreachable:
                self._tell(None)
            self._stopping.wait(self._settings.status_every_seconds)

    def _tell(self, found: Board | None) -> None:
        self._score.set(_number(None if found is None else found.score.value))
        for name, gauge in self._told.items():
            gauge.set(_number(None if found is None else found.value(name)))


def _number(value: float | None) -> float:
    return float("nan") if value is None else value
