"""What a secret store promises, whichever it is.

A secret has versions, and three stages point at them. Where a rotation stands is told by the stages
alone, so one that was killed is carried on from what is true:

PENDING    made and not yet everybody's: a rotation is under way
CURRENT    what everybody is to use
PREVIOUS   what everybody used before: to be refused soon
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from pydantic import SecretStr


class Stage(StrEnum):
    """What a version is to the world."""

    PENDING = "PENDING"
    CURRENT = "CURRENT"
    PREVIOUS = "PREVIOUS"


@dataclass(frozen=True, slots=True)
class Version:
    """One value of a secret. Its repr does not show it.

    Attributes:
        id: Names the version and is its idempotency key; 32 to 64 characters.
        created_at: When the store took it, UTC.
    """

    id: str
    value: SecretStr
    created_at: datetime


class SecretStore(Protocol):
    """Where secrets are kept.

    Every method raises `Unreachable` when the store does not answer: whether it took a change is
    then unknown, and asking again with the same words is safe.
    """

    def read(self, name: str, stage: Stage) -> Version | None:
        """Return the version a stage of a secret points at; None where it points at none."""
        ...

    def put(self, name: str, version_id: str, value: SecretStr, stage: Stage) -> None:
        """Keep a new version and point a stage at it; saying the same again changes nothing.

        Raises:
            CheckFailed: The id is taken by another value, or PENDING by another version.
        """
        ...

    def promote(self, name: str, version_id: str) -> None:
        """Make the PENDING version CURRENT and the CURRENT one PREVIOUS; again: nothing.

        Raises:
            CheckFailed: It is neither PENDING nor CURRENT.
        """
        ...

    def drop(self, name: str, stage: Stage) -> None:
        """Point PENDING or PREVIOUS at nothing; again: nothing.

        Raises:
            CheckFailed: The stage is CURRENT, which a secret never is without.
        """
        ...

    def names(self) -> Sequence[str]:
        """Return the names of the secrets that are kept, sorted."""
        ...
