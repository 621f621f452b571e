"""What the system must be able to do, by id, and which runbooks do it.

The ids and their names are facts kept in catalogue.json. A runbook says in its header which of
them it covers, wholly or partly; nothing else counts.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from deployments.runbooks import Runbook
from trading_core.errors import ConfigurationError

FILE = Path(__file__).with_name("catalogue.json")


@dataclass(frozen=True, slots=True)
class Family:
    """A group of ids.

    Attributes:
        procedures: Whether its ids are things to do; the others describe what those work on.
    """

    id: str
    name: str
    procedures: bool


@dataclass(frozen=True, slots=True)
class Entry:
    """One id of the catalogue."""

    id: str
    family: str
    name: str


@dataclass(frozen=True, slots=True)
class Catalogue:
    """All of it, in the catalogue's own order."""

    families: tuple[Family, ...]
    entries: tuple[Entry, ...]

    def of_family(self, family: Family) -> tuple[Entry, ...]:
        """Return the entries of one family."""
        return tuple(entry for entry in self.entries if entry.family == family.id)


@cache
def catalogue() -> Catalogue:
    """Read the catalogue."""
    content = json.loads(FILE.read_text())
    families = tuple(Family(id=name, **facts) for name, facts in content["families"].items())
    return Catalogue(families, tuple(Entry(**entry) for entry in content["entries"]))


@dataclass(frozen=True, slots=True)
class Covered:
    """One id, and the names of the runbooks that do it; none: it is missing.

    Attributes:
        partly: Runbooks that do only some of its steps.
    """

    entry: Entry
    runbooks: tuple[str, ...]
    partly: tuple[str, ...]

    @property
    def is_whole(self) -> bool:
        """Whether some runbook does everything of it."""
        return bool(self.runbooks)


def coverage(runbooks: Iterable[Runbook]) -> tuple[Covered, ...]:
    """Return every id of the catalogue with what covers it.

    Raises:
        ConfigurationError: A runbook claims an id that the catalogue does not have.
    """
    found = tuple(runbooks)
    known = {entry.id for entry in catalogue().entries}
    for runbook in found:
        for claimed in (*runbook.covers, *runbook.partly):
            if claimed not in known:
                raise ConfigurationError(
                    f"{runbook.path}: Covers: expected ids of the catalogue, was {claimed!r}",
                    next_step=f"correct the header; {FILE.name} lists the ids",
                )
    return tuple(
        Covered(
            entry,
            tuple(runbook.name for runbook in found if entry.id in runbook.covers),
            tuple(runbook.name for runbook in found if entry.id in runbook.partly),
        )
        for entry in catalogue().entries
    )
