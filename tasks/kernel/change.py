"""What an action says after looking: nothing to do, or this one change."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from typing import Generic, TypeVar

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Unchanged(Generic[T]):
    """The world is already as wanted.

    Attributes:
        because: Says so in words.
        value: What the change would have produced.
        target: As in `Change`: the same words for the same thing.
    """

    because: str
    value: T | None = None
    target: str = ""


@dataclass(frozen=True, slots=True)
class Change(Generic[T]):
    """One change of the world, described and not yet made.

    Attributes:
        does: What it does, as an order: "halt trading".
        act: Makes the change, once. Is given the run's fencing token; what it returns becomes
            the outcome's value.
        holds: Looks again: whether the change is there. An error means "cannot see it yet".
        within: How long after acting the change may take to show.
        target: What is changed, when one run changes several things of a kind; part of the
            idempotency key.
        gated: Whether a person other than the one who started the run must have approved.
        facts: Numbers and names worth keeping with the record.
    """

    does: str
    act: Callable[[int], T]
    holds: Callable[[], bool]
    within: timedelta
    target: str = ""
    gated: bool = False
    facts: Mapping[str, object] = field(default_factory=dict)

    def unless_shown(self, because: str, value: T | None = None) -> "Change[T] | Unchanged[T]":
        """Return this change; nothing to do, for a reason in words, where it shows already.

        For changes whose look before and look after are one and the same question.

        Args:
            value: What the change would have produced.
        """
        return Unchanged(because, value, self.target) if self.holds() else self


class Did(StrEnum):
    """What became of an action."""

    NOTHING = "unchanged"
    CHANGED = "changed"
    PLANNED = "planned"


@dataclass(frozen=True, slots=True)
class Outcome(Generic[T]):
    """The result of an action, in words and as a value.

    Attributes:
        value: What the change produced; `None` in a dry run, where nothing was.
    """

    did: Did
    sentence: str
    value: T | None = None

    @property
    def changed(self) -> bool:
        """Whether the world was changed by this call."""
        return self.did is Did.CHANGED
