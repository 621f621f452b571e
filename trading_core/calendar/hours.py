"""The hours of one trading day, in the two ways people speak of them: instants and wall times."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta

from trading_core.clock import EXCHANGE_ZONE

FULL_DAY = timedelta(hours=6, minutes=30)


@dataclass(frozen=True, slots=True)
class SessionHours:
    """From the opening bell to the closing bell, UTC."""

    date: date
    opens_at: datetime
    closes_at: datetime

    @property
    def length(self) -> timedelta:
        """From bell to bell."""
        return self.closes_at - self.opens_at

    @property
    def is_short(self) -> bool:
        """Whether it is less than a whole day: a half day, a late open, an early close."""
        return self.length < FULL_DAY

    def __str__(self) -> str:
        return f"{_wall(self.opens_at)} to {_wall(self.closes_at)}"


def _wall(moment: datetime) -> str:
    return f"{moment.astimezone(EXCHANGE_ZONE):%H:%M}"
