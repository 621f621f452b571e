"""The exchange calendar's two figures for Prometheus, measured once a day.

They are served by the process that has everything imported already: asking the libraries costs
seconds and a hundred megabytes anywhere else.
"""

import math
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import structlog

from trading_core.calendar.exchange_calendar import ExchangeCalendar
from trading_core.clock import EXCHANGE_ZONE, Clock
from trading_core.errors import TradingError
from trading_core.metrics import Metrics
from trading_core.settings import Settings

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class _Reading:
    on: date
    horizon_days: float
    disagreements: float


# Until the process is warm nothing is known; a calendar that cannot be read reaches nowhere.
_UNKNOWN = math.nan
_UNREADABLE = -1.0


class CalendarWatch:
    """Feeds `calendar_horizon_days` and `calendar_disagreements`.

    Args:
        clock: The wall clock: this is about the coming days, whatever is being replayed.
    """

    def __init__(self, settings: Settings, clock: Clock, metrics: Metrics) -> None:
        self._file = settings.calendar_file
        self._clock = clock
        self._reading: _Reading | None = None
        self._is_warm = False
        metrics.gauge("calendar_horizon_days").set_function(self._horizon_days)
        metrics.gauge("calendar_disagreements").set_function(self._disagreements)

    def warm_up(self) -> None:
        """Measure for the first time, where seconds do not matter."""
        self._is_warm = True
        self._read()

    def _horizon_days(self) -> float:
        return self._read().horizon_days if self._is_warm else _UNKNOWN

    def _disagreements(self) -> float:
        return self._read().disagreements if self._is_warm else _UNKNOWN

    def _read(self) -> _Reading:
        today = self._clock.now().astimezone(EXCHANGE_ZONE).date()
        if self._reading is None or self._reading.on != today:
            self._reading = _measured(self._file, today)
        return self._reading


def _measured(file: Path | None, today: date) -> _Reading:
    from tasks.health.calendar import LOOK_AHEAD

    try:
        calendar = ExchangeCalendar.of(file)
        apart = calendar.disagreements(today, today + LOOK_AHEAD)
    except TradingError as error:
        log.error("calendar cannot be read", error=str(error), next=error.next_step)
        return _Reading(today, _UNREADABLE, _UNKNOWN)
    return _Reading(today, (calendar.horizon - today).days, len(apart))
