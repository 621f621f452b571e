"""Which backups may go: a rule over the catalogue, and nothing else.

A base backup goes when it is old enough and a newer one was restored and compared; two good ones
always stay, and so does one that somebody restores from. The log goes when no moment of the window
of point-in-time recovery needs it: it stays from the newest good backup before the window on. An
older backup carries its own log and can still be restored to its own end.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from infra.postgres.lsn import position
from infra.postgres.wal import SEGMENT_BYTES, Segment
from trading_core.storage.operations.base_backups import Entry


class Aged(Protocol):
    """A backup of whichever kind, as far as its age is concerned."""

    @property
    def id(self) -> str:
        """Its name in the catalogue."""
        ...

    @property
    def finished_at(self) -> datetime:
        """When it was whole."""
        ...

    @property
    def restored_at(self) -> datetime | None:
        """When it was restored and compared; None: it never was."""
        ...

    @property
    def held_until(self) -> datetime | None:
        """It must not be removed before."""
        ...


@dataclass(frozen=True, slots=True)
class Policy:
    """How long what is kept.

    Attributes:
        here: Base backups on the disk.
        there: Base backups in the bucket.
        log: The window in which every moment can be restored.
        good_min: How many good backups each place keeps whatever their age.
    """

    here: timedelta = timedelta(days=30)
    there: timedelta = timedelta(days=90)
    log: timedelta = timedelta(days=7)
    good_min: int = 2


@dataclass(frozen=True, slots=True)
class Removal:
    """One backup that goes, and why."""

    id: str
    because: str


@dataclass(frozen=True, slots=True)
class Sweep:
    """What goes.

    Attributes:
        here: From the disk.
        there: From the bucket.
        log_before: The oldest segment that stays; None: all stay.
    """

    here: tuple[Removal, ...]
    there: tuple[Removal, ...]
    log_before: Segment | None

    def takes(self, segment: Segment) -> bool:
        """Whether a segment of the log goes."""
        first = self.log_before
        if first is None:
            return False
        return segment.timeline <= first.timeline and segment.number < first.number


def sweep(entries: Sequence[Entry], now: datetime, policy: Policy) -> Sweep:
    """Return what the policy lets go.

    Args:
        entries: All of one site.
        now: The wall time.
    """
    here = [one for one in entries if one.removed_at is None]
    there = [one for one in entries if one.uploaded_at is not None and not one.bucket_emptied_at]
    return Sweep(
        old(here, now, policy.here, policy.good_min),
        old(there, now, policy.there, policy.good_min),
        _first_needed(here, now, policy),
    )


def old(
    entries: Sequence[Aged], now: datetime, age: timedelta, good_min: int
) -> tuple[Removal, ...]:
    """Return the backups of one kind and place that are older than `age`, and not needed."""
    oldest_first = sorted(entries, key=_finished)
    good = [one for one in oldest_first if one.restored_at is not None]
    left = len(good)
    gone: list[Removal] = []
    for one in oldest_first:
        is_newest_good = not good or one.finished_at >= good[-1].finished_at
        if one.finished_at > now - age or is_newest_good or _is_held(one, now):
            continue
        if one.restored_at is not None:
            if left <= good_min:
                continue
            left -= 1
        gone.append(Removal(one.id, f"older than {age.days} days, {good[-1].id} is good"))
    return tuple(gone)


def _first_needed(here: Sequence[Entry], now: datetime, policy: Policy) -> Segment | None:
    good = sorted((one for one in here if one.restored_at is not None), key=_finished)
    before = [one for one in good if one.finished_at <= now - policy.log]
    if not before:
        return None
    needed = [before[-1], *(one for one in here if _is_held(one, now))]
    first = min(needed, key=lambda one: position(one.start_lsn))
    return Segment(first.timeline, position(first.start_lsn) // SEGMENT_BYTES)


def _is_held(entry: Aged, now: datetime) -> bool:
    return entry.held_until is not None and entry.held_until > now


def _finished(entry: Aged) -> datetime:
    return entry.finished_at
