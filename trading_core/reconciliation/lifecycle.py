"""What becomes of a break: pure rules from what is on record and what a comparison found."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum

from trading_core.reconciliation.breaks import Break


class Standing(StrEnum):
    """Where a break stands. Only an open one keeps a day from being closed."""

    OPEN = "open"
    EXPLAINED = "explained"
    REPAIRED = "repaired"
    RESOLVED = "resolved"


class Event(StrEnum):
    """What happens to a break; each is written down once and never changed."""

    OPENED = "opened"
    ASSIGNED = "assigned"
    EXPLAINED = "explained"
    REPAIRED = "repaired"
    REVERSED = "reversed"
    CARRIED = "carried"
    REOPENED = "reopened"
    RESOLVED = "resolved"


@dataclass(frozen=True, slots=True)
class KeptBreak:
    """A break on record.

    Attributes:
        owner: Whose it is; empty: nobody's yet.
        reason: Of the last event that changed its standing.
        actor: Whose that was.
        last_date: The last trading day it was in the way of.
    """

    found: Break
    standing: Standing
    owner: str
    reason: str
    actor: str
    opened_at: datetime
    stands_since: datetime
    last_date: date

    @property
    def id(self) -> str:
        """Of the break."""
        return self.found.id

    @property
    def is_unsettled(self) -> bool:
        """Whether it is still there, explained or not."""
        return self.standing in (Standing.OPEN, Standing.EXPLAINED)


@dataclass(frozen=True, slots=True)
class Scope:
    """What a comparison looked at.

    Attributes:
        first: The first day whose fills and orders were compared.
        last: The last one.
        has_standings: Whether positions and balances were compared as well.
    """

    first: date
    last: date
    has_standings: bool

    def covers(self, one: Break) -> bool:
        """Whether the comparison would have found the break again."""
        if one.about.is_of_a_day:
            return self.first <= one.trading_date <= self.last
        return self.has_standings


def events_after(
    found: Iterable[Break], kept: Mapping[str, KeptBreak], scope: Scope
) -> Iterator[tuple[Break, Event]]:
    """Yield what a comparison does to the breaks it found, and to those on record it did not.

    Args:
        kept: By id, at least those that are unsettled or found.
    """
    now = {one.id: one for one in found}
    for break_id, one in now.items():
        known = kept.get(break_id)
        if known is None:
            yield one, Event.OPENED
        elif not known.is_unsettled:
            yield one, Event.REOPENED
        elif known.last_date < scope.last:
            yield one, Event.CARRIED
    for known in kept.values():
        if known.id in now or not known.is_unsettled:
            continue
        if scope.covers(known.found):
            yield known.found, Event.RESOLVED
        elif known.last_date < scope.last:
            yield known.found, Event.CARRIED


def open_after(found: Iterable[Break], kept: Mapping[str, KeptBreak], scope: Scope) -> list[Break]:
    """Return the breaks that are open once a comparison is written down: the new, and the old."""
    now = {one.id: one for one in found}
    open_now = [one for one in now.values() if not _is_explained(kept.get(one.id))]
    return open_now + [
        known.found
        for known in kept.values()
        if known.standing is Standing.OPEN and known.id not in now and not scope.covers(known.found)
    ]


def _is_explained(known: KeptBreak | None) -> bool:
    return known is not None and known.standing is Standing.EXPLAINED
