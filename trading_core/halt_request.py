"""A halt left on the disk for an executor that does not answer.

Whoever halts trading writes it before anything else; the executor honours it when it starts and
before each order it sends, and removes it once the halt is its own. Neither side needs the other,
a database or a network for it.
"""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from trading_core.durable import read_json, remove, write_json

# A halt, the breaker, or a mode to be entered.
Kind = Literal["halt", "breaker", "safe_mode", "maintenance", "read_only", "emergency_shutdown"]


@dataclass(frozen=True, slots=True)
class HaltRequest:
    """Who wants trading halted, and why."""

    reason: str
    actor: str
    kind: Kind = "halt"


def path_of(root: Path) -> Path:
    """Return where the request lies in a state directory."""
    return root / "executor" / "halt_request.json"


def leave(root: Path, request: HaltRequest) -> None:
    """Put the request down; it is on the disk when this returns.

    Raises:
        OSError: The disk does not take it.
    """
    write_json(path_of(root), asdict(request))


def pending(root: Path) -> HaltRequest | None:
    """Return the request that lies there, or None. An unreadable one is a halt all the same."""
    path = path_of(root)
    try:
        found = read_json(path)
        return None if found is None else HaltRequest(**found)
    except (OSError, ValueError, TypeError) as error:
        return HaltRequest(f"a halt request that cannot be read: {path}: {error}", "unknown")


def clear(root: Path) -> None:
    """Remove the request: the halt is in force."""
    remove(path_of(root))
