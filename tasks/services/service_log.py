"""What the end of a service's log says: the errors among its lines, by its own words."""

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any

LOG_LINES = 50
_BAD = ("error", "critical", "exception")


def errors_since(started: int, lines: Sequence[str]) -> list[str]:
    """Return the lines that tell of an error, written at or after a start.

    A service writes JSON lines with time and level (trading_core.logs). A line that is none was
    written by something that broke off: it counts, with the time of the line before it.

    Args:
        started: Seconds since 1970, by the clock of the machine that wrote the log.
    """
    found, is_new = [], True
    for line in lines:
        entry = _read(line)
        if entry is not None and (at := _written(entry)) is not None:
            is_new = at >= started
        if is_new and line.strip() and (entry is None or entry.get("level") in _BAD):
            found.append(_words(line, entry))
    return found


def _read(line: str) -> dict[str, Any] | None:
    try:
        entry = json.loads(line)
    except ValueError:
        return None
    return entry if isinstance(entry, dict) else None


def _written(entry: dict[str, Any]) -> float | None:
    try:
        return datetime.fromisoformat(str(entry.get("at"))).timestamp()
    except ValueError:
        return None


def _words(line: str, entry: dict[str, Any] | None) -> str:
    if entry is None:
        return line.strip()
    told = entry.get("error") or entry.get("exception")
    return f"{entry.get('event')}: {told}" if told else str(entry.get("event"))
