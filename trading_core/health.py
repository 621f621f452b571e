"""What a service answers when it is asked whether one thing it stands on is well."""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Health:
    """What one check found.

    Attributes:
        needed: Whether the service is of no use without it. A failed check that is not needed is
            shown, and leaves the service healthy.
    """

    ok: bool
    detail: str
    needed: bool = True


Check = Callable[[], Health]
