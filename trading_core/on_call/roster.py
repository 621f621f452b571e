"""The roster: who is primary and secondary at a moment, and who hears next of what nobody takes.

A TOML file of roles; trading_core/on_call/roster.toml shows its shape. Weeks are counted in New
York, so that a change of the clocks moves no hand-over.
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from trading_core.calendar.exchange_calendar import ExchangeCalendar
from trading_core.clock import EXCHANGE_ZONE
from trading_core.errors import ConfigurationError

SHIPPED = Path(__file__).with_name("roster.toml")
PRIMARY, SECONDARY = "primary", "secondary"
# How many times as long an incident of a severity may wait as one that cannot.
_PATIENCE = {"P0": 1, "P1": 1, "P2": 4, "P3": 16}
_WEEK = timedelta(days=7)
# Whom a night may need beside the ladder; a roster that leaves one out is not complete (DM-S06).
DIRECTORY = (
    *("engineering lead", "trading lead", "risk manager", "security officer"),
    *("compliance officer", "legal counsel", "broker", "data provider"),
    *("cloud provider", "database vendor"),
)

Name = Annotated[str, Field(min_length=1)]


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Rung(_Strict):
    """One level of the ladder: who hears, how long after an incident was opened."""

    role: Name
    after_minutes: int = Field(ge=0)


class Roster(_Strict):
    """The file, read."""

    begins: date
    hands_over_at: time
    rotation: tuple[Name, ...] = Field(min_length=2)
    holidays: Name | None = None
    ladder: tuple[Rung, ...] = Field(min_length=1)
    contacts: Mapping[str, str]

    @model_validator(mode="after")
    def _makes_sense(self) -> Self:
        if self.begins.weekday() != 0:
            raise ValueError(f"begins: expected a Monday, was {self.begins:%A %F}")
        waits = [rung.after_minutes for rung in self.ladder]
        if waits != sorted(set(waits)):
            raise ValueError(f"ladder: expected minutes that grow, was {waits}")
        return self

    @classmethod
    def read(cls, file: Path | None) -> Self:
        """Read a roster; None: the one that comes with the project.

        Raises:
            ConfigurationError: It cannot be read, or says something that is none.
        """
        path = file or SHIPPED
        try:
            return cls.model_validate(tomllib.loads(path.read_text()))
        except (OSError, ValueError, ValidationError) as error:
            raise ConfigurationError(
                f"roster {path}: expected who is on call, was {str(error).splitlines()[0]}: "
                f"{_first_fault(error)}",
                next_step="correct the file; trading_core/on_call/roster.toml shows its shape",
            ) from error

    def roles(self) -> list[str]:
        """Return every role that may be called, each once."""
        named = [rung.role for rung in self.ladder if rung.role not in (PRIMARY, SECONDARY)]
        holidays = [self.holidays] if self.holidays else []
        return list(dict.fromkeys([*self.rotation, *holidays, *named]))

    def unreachable(self) -> list[str]:
        """Return the roles nobody has said how to reach, those of the directory included."""
        every = dict.fromkeys([*self.roles(), *DIRECTORY, *self.contacts])
        return [role for role in every if not self.contacts.get(role, "").strip()]


@dataclass(frozen=True, slots=True)
class Shift:
    """Who is on call in a week.

    Attributes:
        primary: On a holiday of the exchange, the role the file names for it.
        ends_at: When it is handed over; `next_primary` takes it then.
    """

    primary: str
    secondary: str
    begins_at: datetime
    ends_at: datetime
    next_primary: str


def shift_at(roster: Roster, at: datetime, calendar: ExchangeCalendar | None = None) -> Shift:
    """Return the shift of a moment.

    Args:
        calendar: Of the exchange, for its holidays; None: no day is one.
    """
    wall = at.astimezone(EXCHANGE_ZONE)
    monday = wall.date() - timedelta(days=wall.weekday())
    if wall < _handed_over(roster, monday):
        monday -= _WEEK
    week = (monday - roster.begins) // _WEEK
    primary = _in_turn(roster, week)
    if calendar and roster.holidays and _is_holiday(calendar, wall.date()):
        primary = roster.holidays
    return Shift(
        primary=primary,
        secondary=_in_turn(roster, week + 1),
        begins_at=_handed_over(roster, monday),
        ends_at=_handed_over(roster, monday + _WEEK),
        next_primary=_in_turn(roster, week + 1),
    )


def rungs_due(
    roster: Roster, severity: Literal["P0", "P1", "P2", "P3"], waited: timedelta
) -> list[tuple[int, Rung]]:
    """Return the levels, from 1, that an incident nobody acknowledged has reached."""
    patience = _PATIENCE[severity]
    return [
        (level, rung)
        for level, rung in enumerate(roster.ladder, start=1)
        if timedelta(minutes=rung.after_minutes * patience) <= waited
    ]


def role_of(rung: Rung, shift: Shift) -> str:
    """Return who a level is in a shift."""
    return {PRIMARY: shift.primary, SECONDARY: shift.secondary}.get(rung.role, rung.role)


def _in_turn(roster: Roster, week: int) -> str:
    return roster.rotation[week % len(roster.rotation)]


def _handed_over(roster: Roster, monday: date) -> datetime:
    return datetime.combine(monday, roster.hands_over_at, EXCHANGE_ZONE)


def _is_holiday(calendar: ExchangeCalendar, day: date) -> bool:
    return day.weekday() < 5 and calendar.session(day) is None


def _first_fault(error: Exception) -> str:
    if isinstance(error, ValidationError):
        first = error.errors()[0]
        return f"{'.'.join(map(str, first['loc']))} {first['msg']}".strip()
    return type(error).__name__
