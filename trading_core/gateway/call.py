"""One call that was let through, as those who answer it see it."""

import hashlib
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, TypeVar

from trading_core.access.api_token import Caller
from trading_core.access.call import CallLine, Kind, fingerprint_of
from trading_core.gateway.endpoints import Endpoint
from trading_core.gateway.words import Word

WordT = TypeVar("WordT", bound=Word | None)


@dataclass(frozen=True, slots=True)
class Call(Generic[WordT]):
    """A call.

    Attributes:
        word: What the caller says; None where nothing is changed.
        key: The idempotency key; empty where nothing is changed.
        path: The values in the path.
        again: A call of this key was cut off, or ended without our knowing what it did.
    """

    id: str
    at: datetime
    endpoint: Endpoint
    caller: Caller
    word: WordT
    key: str
    path: dict[str, Any]
    again: bool = False

    def number(self) -> int:
        """Return what tells this call's orders from all others: the same under the same key."""
        name = f"{self.caller.id} {self.key}"
        return int(hashlib.sha256(name.encode()).hexdigest()[:12], 16)

    def asked(self) -> CallLine:
        """Return the line that says it is asked."""
        body = {} if self.word is None else self.word.model_dump(mode="json")
        return CallLine(
            at=self.at,
            call_id=self.id,
            kind=Kind.ASKED.value,
            caller_id=self.caller.id,
            caller=self.caller.name,
            actor="" if self.word is None else self.word.actor,
            reason="" if self.word is None else self.word.reason,
            endpoint=self.endpoint.name,
            idempotency_key=self.key,
            fingerprint=fingerprint_of(self.endpoint.name, self.path, body),
            status=0,
            facts={"path": self.path, "body": body},
        )
