"""What is written about a call: that it was asked, how it was answered, or that it was refused."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any, Self
from uuid import uuid4

from trading_core.hash_chain import digest_of


class Kind(StrEnum):
    """What a line says about a call."""

    ASKED = "asked"
    ANSWERED = "answered"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class CallLine:
    """One line of the record of calls. Without `seq` and hashes it has no place in it yet.

    Attributes:
        caller_id: The token's.
        actor: Who asked, in the caller's words; the token says whose words those are.
        endpoint: Method and canonical path, whichever alias was used.
        fingerprint: SHA-256 of endpoint and request: what an idempotency key stands for.
        status: The answer's, as HTTP has it; 0 while there is none.
        facts: The request; of an answer, its body.
    """

    at: datetime
    call_id: str
    kind: str
    caller_id: str
    caller: str
    actor: str
    reason: str
    endpoint: str
    idempotency_key: str
    fingerprint: str
    status: int
    facts: Mapping[str, Any]
    seq: int = 0
    prev_hash: str = ""
    hash: str = ""

    @classmethod
    def of_command(cls, words: str, at: datetime, actor: str, facts: Mapping[str, Any]) -> Self:
        """Return the line of something done at this machine, by a command and not over HTTP."""
        return cls(
            at=at,
            call_id=uuid4().hex,
            kind=Kind.ANSWERED.value,
            caller_id="command",
            caller="command line",
            actor=actor,
            reason="",
            endpoint=words,
            idempotency_key="",
            fingerprint="",
            status=200,
            facts=facts,
        )

    def digest(self) -> str:
        """Return the SHA-256 this line must carry, as hex."""
        return digest_of(asdict(self))

    def placed(self, seq: int, prev_hash: str) -> Self:
        """Return the line at its place in the chain."""
        there = replace(self, seq=seq, prev_hash=prev_hash)
        return replace(there, hash=there.digest())

    def followed_by(self, kind: Kind, at: datetime, status: int, facts: Mapping[str, Any]) -> Self:
        """Return the line that says what became of this call."""
        return replace(self, kind=kind.value, at=at, status=status, facts=facts)

    def as_json(self) -> dict[str, Any]:
        """Return the line as a local file keeps it."""
        return asdict(self) | {"at": self.at.isoformat()}

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> Self:
        """Return the line that `as_json` wrote."""
        return cls(**dict(content) | {"at": datetime.fromisoformat(content["at"])})


def fingerprint_of(endpoint: str, path: Mapping[str, Any], body: Mapping[str, Any]) -> str:
    """Return what tells one request from another: not its spelling, but what it asks."""
    content = [endpoint, dict(path), dict(body)]
    canonical = json.dumps(content, sort_keys=True, separators=(",", ":"), default=str)
    return hashlib.sha256(canonical.encode()).hexdigest()
