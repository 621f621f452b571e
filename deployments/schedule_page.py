"""`python -m deployments.schedule_page` prints docs/schedules.md: every schedule of the catalogue.

Each of them is a line of the timetable, or something that is no run of a runbook, or waits for a
procedure that does not exist yet; which of the three is said here for all of them.
"""

import sys
from collections.abc import Mapping

from deployments.catalogue import Entry, catalogue
from tasks.planning.timetable import TIMETABLE, Line

_FAMILY = "SCH"

# What happens by itself without being a run.
BY_OTHER_MEANS: Mapping[str, str] = {
    "SCH-50": "the pages ask for their figures themselves",
    "SCH-55": "Prometheus evaluates `infra/prometheus/alerts.yml` all the time",
}

# Which procedure a schedule waits for.
NOT_YET: Mapping[str, str] = {}

_INTRODUCTION = """\
Made by `python -m deployments.schedule_page > docs/schedules.md` from the table in
`tasks/planning/timetable.py`; a test compares the two. Times are New York's. What hangs on the open
or the close is planned every morning by `plan-session`, for the hours the exchange really has:
`tests/deployments/snapshots/timetable.txt` shows an ordinary day, a half day, a holiday and the
days round both changes of the clocks."""


def page() -> str:
    """Return the page."""
    lines = [
        "# What runs by itself",
        "",
        _INTRODUCTION,
        "",
        "| runbook | runs | when late | kept |",
        "|---|---|---|---|",
        *(_timetable_row(line) for line in TIMETABLE),
        "",
        "## The schedules of the catalogue",
        "",
        "| id | what | how |",
        "|---|---|---|",
        *(f"| {one.id} | {one.name} | {how(one)} |" for one in schedules()),
        "",
    ]
    return "\n".join(lines)


def schedules() -> list[Entry]:
    """Return every schedule of the catalogue."""
    return [entry for entry in catalogue().entries if entry.family == _FAMILY]


def how(entry: Entry) -> str:
    """Return how a schedule of the catalogue comes about, or what it waits for."""
    lines = [line for line in TIMETABLE if entry.id in line.ids]
    if lines:
        return "; ".join(f"`{line.runbook}`, {line.rhythm}" for line in lines)
    if entry.id in BY_OTHER_MEANS:
        return BY_OTHER_MEANS[entry.id]
    return f"not yet: {NOT_YET[entry.id]}"


def _timetable_row(line: Line) -> str:
    return f"| `{line.runbook}` | {line.rhythm} | {line.when_late} | {line.kept} |"


if __name__ == "__main__":
    sys.stdout.write(page())
