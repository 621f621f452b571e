"""The arithmetic of a record that only grows: each line's hash covers it and all before it."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, Protocol

from trading_core.errors import InvariantViolated

GENESIS = "0" * 64


class Line(Protocol):
    """One line of a chain."""

    @property
    def seq(self) -> int:
        """Its place, from 1."""
        ...

    @property
    def prev_hash(self) -> str:
        """The hash of the line before; GENESIS for the first."""
        ...

    @property
    def hash(self) -> str:
        """What it carries."""
        ...

    def digest(self) -> str:
        """What it must carry."""
        ...


def digest_of(content: Mapping[str, Any]) -> str:
    """Return the SHA-256 of a line's content without its own hash, as hex. `at` is a time."""
    at: datetime = content["at"]
    plain = {name: value for name, value in content.items() if name != "hash"}
    plain["at"] = at.astimezone(UTC).isoformat()
    canonical = json.dumps(plain, sort_keys=True, separators=(",", ":"), default=str)
    return hashlib.sha256(canonical.encode()).hexdigest()


def verify(lines: Iterable[Line], record: str) -> int:
    """Recompute a chain from its first line.

    Args:
        lines: All of them, in their order.
        record: What they are the record of, for the error.

    Returns:
        How many lines were checked.

    Raises:
        InvariantViolated: A line was changed, removed or slipped in.
    """
    previous, count = GENESIS, 0
    for count, line in enumerate(lines, start=1):
        if (line.seq, line.prev_hash, line.hash) != (count, previous, line.digest()):
            raise InvariantViolated(
                f"{record}: line {line.seq} does not continue the chain",
                next_step="stop and compare with a backup: the record was altered",
            )
        previous = line.hash
    return count
