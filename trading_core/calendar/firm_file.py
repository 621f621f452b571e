"""The firm's own calendar file: what a person has confirmed, and what no library knows yet.

TOML, with one date that says how far somebody has compared the calendar with the exchange's
published list, and two kinds of entries:

    confirmed_until = 2028-12-31

    [[closed]]                 # a holiday of ours, or a closure announced this morning
    date = 2012-10-29
    reason = "hurricane"

    [[hours]]                  # New York wall times; a day the libraries do not know is added
    date = 2026-11-27
    open = 09:30:00
    close = 13:00:00
    reason = "the day after Thanksgiving"
"""

import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import Any, NoReturn

from trading_core.calendar.hours import SessionHours
from trading_core.clock import EXCHANGE_ZONE
from trading_core.errors import ConfigurationError

SHIPPED = Path(__file__).with_name("firm.toml")

_FIELDS: Mapping[str, Mapping[str, type]] = {
    "closed": {"date": date, "reason": str},
    "hours": {"date": date, "open": time, "close": time, "reason": str},
}
_WORDS = {
    date: "a date like 2026-11-27",
    time: "a time like 13:00:00",
    str: "some words in quotation marks",
}


@dataclass(frozen=True, slots=True)
class Override:
    """One day as the firm has it.

    Attributes:
        hours: None: the firm takes the exchange for closed.
        where: File and line it was read from.
    """

    date: date
    reason: str
    hours: SessionHours | None
    where: str


@dataclass(frozen=True, slots=True)
class FirmFile:
    """The file, read and believed.

    Attributes:
        confirmed_until: The last day that was compared with the exchange's published list.
    """

    path: Path
    confirmed_until: date
    overrides: Mapping[date, Override]


def read_firm_file(path: Path = SHIPPED) -> FirmFile:
    """Read the file.

    Raises:
        ConfigurationError: It cannot be read or is wrong; names file, line and field.
    """
    try:
        text = path.read_text()
        content = tomllib.loads(text)
    except OSError as error:
        _wrong(f"{path}", "a readable file", error.strerror)
    except tomllib.TOMLDecodeError as error:
        _wrong(f"{path}", "TOML", str(error))
    reader = _Reader(path, text)
    strangers = sorted(set(content) - {*_FIELDS, "confirmed_until"})
    if strangers:
        reader.wrong(strangers[0], 0, "", f"one of confirmed_until, {', '.join(_FIELDS)}", "it")
    until = content.get("confirmed_until")
    if type(until) is not date:
        reader.wrong("", 0, "confirmed_until", _WORDS[date], until)
    return FirmFile(path, until, _by_date(reader.overrides(content)))


class _Reader:
    """Turns entries into overrides, and knows the line of each for when one is wrong."""

    def __init__(self, path: Path, text: str) -> None:
        self._path = path
        self._lines = _lines_of(text)

    def overrides(self, content: Mapping[str, Any]) -> Iterator[Override]:
        """Yield every entry of the file."""
        for kind, fields in _FIELDS.items():
            entries = content.get(kind, [])
            if not isinstance(entries, list):
                self.wrong(kind, 0, "", f"[[{kind}]] in double brackets", "one table")
            for number, entry in enumerate(entries):
                self._require_fields(kind, number, entry, fields)
                yield self._override(kind, number, entry)

    def _require_fields(
        self, kind: str, number: int, entry: Mapping[str, Any], fields: Mapping[str, type]
    ) -> None:
        for name in entry:
            if name not in fields:
                self.wrong(kind, number, name, f"one of {', '.join(fields)}", "it")
        for name, kind_of in fields.items():
            found = entry.get(name)
            # A datetime is a date to Python, and to nobody else.
            if type(found) is not kind_of or found == "":
                self.wrong(kind, number, name, _WORDS[kind_of], found)

    def _override(self, kind: str, number: int, entry: Mapping[str, Any]) -> Override:
        day, hours = entry["date"], None
        if kind == "hours":
            opens, closes = entry["open"], entry["close"]
            if closes <= opens:
                self.wrong(kind, number, "close", f"a time after {opens:%H:%M}", f"{closes:%H:%M}")
            hours = SessionHours(day, _instant(day, opens), _instant(day, closes))
        return Override(day, entry["reason"], hours, self._where(kind, number, "date"))

    def wrong(self, kind: str, number: int, name: str, expected: str, found: object) -> NoReturn:
        """Refuse the file for one field of one entry."""
        named = ".".join(part for part in (kind, name) if part)
        words = "nothing" if found is None else str(found)
        _wrong(f"{self._where(kind, number, name)}: {named}", expected, words)

    def _where(self, kind: str, number: int, name: str) -> str:
        line = self._lines.get((kind, number, name)) or self._lines.get((kind, number, ""))
        return f"{self._path}:{line}" if line else str(self._path)


def _lines_of(text: str) -> dict[tuple[str, int, str], int]:
    """Return the line of each entry (an empty name) and of each of its fields."""
    lines: dict[tuple[str, int, str], int] = {}
    counts: dict[str, int] = {}
    kind = ""
    for number, line in enumerate(text.splitlines(), start=1):
        if found := re.match(r"\s*\[\[?\s*(\w+)\s*\]\]?", line):
            kind = found[1]
            counts[kind] = counts.get(kind, -1) + 1
            lines[kind, counts[kind], ""] = number
        elif found := re.match(r"\s*(\w+)\s*=", line):
            lines[kind, counts.get(kind, 0), found[1]] = number
    return lines


def _by_date(overrides: Iterator[Override]) -> dict[date, Override]:
    found: dict[date, Override] = {}
    for one in overrides:
        if one.date in found:
            _wrong(f"{one.where}: date", "each day once", f"{one.date} of {found[one.date].where}")
        found[one.date] = one
    return found


def _instant(day: date, wall: time) -> datetime:
    return datetime.combine(day, wall, EXCHANGE_ZONE).astimezone(UTC)


def _wrong(where: str, expected: str, found: str | None) -> NoReturn:
    raise ConfigurationError(
        f"{where}: expected {expected}, was {found}",
        next_step="correct the firm's calendar file; trading_core/calendar/firm.toml shows one",
    )
