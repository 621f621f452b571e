"""The calendar everybody plans by: the libraries' hours with the firm's word above them."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Self

from trading_core.calendar.firm_file import SHIPPED, FirmFile, Override, read_firm_file
from trading_core.calendar.hours import SessionHours
from trading_core.calendar.libraries import (
    FIRST,
    SECOND,
    YEARS,
    first_opinion,
    holiday_name,
    second_opinion,
)
from trading_core.errors import ConfigurationError

# Longer than any run of days without a session there ever was.
_LONGEST_CLOSURE = timedelta(days=15)
_SATURDAY = 5


@dataclass(frozen=True, slots=True)
class Disagreement:
    """A day on which the two libraries differ and the firm has not said which is right."""

    date: date
    first: SessionHours | None
    second: SessionHours | None

    def __str__(self) -> str:
        one, other = (str(hours) if hours else "closed" for hours in (self.first, self.second))
        return f"{self.date}: {one} in {FIRST}, {other} in {SECOND}"


class ExchangeCalendar:
    """Sessions of the exchange. Where the libraries differ the first is followed, and it is told.

    Attributes:
        firm: The firm's file.
    """

    def __init__(self, firm: FirmFile) -> None:
        self.firm = firm

    @classmethod
    def of(cls, file: Path | None = None) -> Self:
        """Return the calendar under a firm's file; None: the one that comes with the project.

        Raises:
            ConfigurationError: The file is wrong; names line and field.
        """
        return cls(read_firm_file(file or SHIPPED))

    @property
    def horizon(self) -> date:
        """The last day the calendar is good for."""
        return min(self.firm.confirmed_until, date(YEARS[1], 12, 31))

    def session(self, day: date) -> SessionHours | None:
        """Return the session of a day; None when the exchange is closed."""
        return next(iter(self.sessions(day, day)), None)

    def sessions(self, start: date, end: date) -> list[SessionHours]:
        """Return the sessions from `start` to `end`, both included.

        Raises:
            ConfigurationError: The dates are beyond what calendars can know.
        """
        known = first_opinion(start, end)
        for day, override in self._overrides(start, end).items():
            known.pop(day, None)
            if override.hours is not None:
                known[day] = override.hours
        return [known[day] for day in sorted(known)]

    def session_after(self, day: date) -> SessionHours:
        """Return the first session later than `day`."""
        following = self.sessions(day + timedelta(days=1), day + _LONGEST_CLOSURE)
        if not following:
            raise ConfigurationError(
                f"calendar after {day}: expected a session within {_LONGEST_CLOSURE.days} days, "
                "was none",
                next_step=f"see the closed days in {self.firm.path}",
            )
        return following[0]

    def why(self, day: date) -> str:
        """Return what is special about a day, in words; empty for an ordinary session."""
        override, hours = self.firm.overrides.get(day), self.session(day)
        if override is not None:
            return f"{override.reason} ({override.where})"
        if hours is not None:
            return f"a short day, {hours}" if hours.is_short else ""
        if day.weekday() >= _SATURDAY:
            return "a weekend"
        return holiday_name(day) or "closed by announcement of the exchange"

    def disagreements(self, start: date, end: date) -> list[Disagreement]:
        """Return the days on which the libraries differ, less those the firm decided."""
        first, second = first_opinion(start, end), second_opinion(start, end)
        return [
            Disagreement(day, first.get(day), second.get(day))
            for day in sorted(first.keys() | second.keys())
            if first.get(day) != second.get(day) and day not in self.firm.overrides
        ]

    def _overrides(self, start: date, end: date) -> Mapping[date, Override]:
        return {d: one for d, one in self.firm.overrides.items() if start <= d <= end}
