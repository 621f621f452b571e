"""A halt left on the disk for an executor that does not answer.

Whoever halts trading writes it before anything else; the executor honours it when it starts and
before each order it sends, and removes it once the halt is its own. Neither side needs the other,
a database or a network for it.
"""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal, get_args

from trading_core.domain.modes import Mode
from trading_core.durable import remove, write_text

# A halt, the breaker, or a mode to be entered.
Kind = Literal["halt", "breaker", "safe_mode", "maintenance", "read_only", "emergency_shutdown"]


@dataclass(frozen=True, slots=True)
class HaltRequest:
    """Who wants trading halted, and why.

    Attributes:
        breaker: Whether the breaker is to open beside it; where it is the kind, it is anyway.
    """

    reason: str
    actor: str
    kind: Kind = "halt"
    breaker: bool = False


def path_of(root: Path) -> Path:
    """Return where the request lies in a state directory."""
    return root / "executor" / "halt_request.json"


def leave(root: Path, request: HaltRequest) -> None:
    """Put the request down; it is on the disk when this returns.

    One that lies there unread stays wanted: a halt takes no breaker back, nor a stricter mode.

    Raises:
        OSError: The disk does not take it.
    """
    write_text(path_of(root), text_of(joined(pending(root), request)))


def pending(root: Path) -> HaltRequest | None:
    """Return the request that lies there, or None. An unreadable one is a halt all the same."""
    path = path_of(root)
    try:
        return parsed(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except OSError as error:
        return _unreadable(f"{path}: {error}")


def parsed(text: str) -> HaltRequest:
    """Return the request that a file's content is; what is none is a halt all the same."""
    try:
        found = HaltRequest(**json.loads(text))
    except (ValueError, TypeError) as error:
        return _unreadable(str(error))
    return found if found.kind in get_args(Kind) else _unreadable(f"kind {found.kind}")


def text_of(request: HaltRequest) -> str:
    """Return the content of a request's file."""
    return json.dumps(asdict(request), indent=2, sort_keys=True)


def joined(before: HaltRequest | None, now: HaltRequest) -> HaltRequest:
    """Return one request for two: the newer words, and everything that either of them asks for."""
    if before is None:
        return now
    breaker = now.breaker or before.breaker or "breaker" in (now.kind, before.kind)
    wanted = [one.kind for one in (before, now) if one.kind != "breaker"]
    if not wanted:
        return now
    kind = max(wanted, key=_strictness)
    return HaltRequest(now.reason, now.actor, kind, breaker)


def clear(root: Path) -> None:
    """Remove the request: the halt is in force."""
    remove(path_of(root))


def _strictness(kind: Kind) -> int:
    return list(Mode).index(Mode.HALTED if kind == "halt" else Mode(kind))


def _unreadable(why: str) -> HaltRequest:
    return HaltRequest(f"a halt request that cannot be read: {why}", "unknown")
