"""What somebody is asked to approve, and the words an answer signs.

A request binds runbook, subject, plan, parameters, code, who asks, the run and the end of its time
in one SHA-256. An answer signs that digest: it fits no other request, and not this one either once
a letter of it is different.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal, Self

from trading_core.approval.personal_token import PersonalToken, folded

Says = Literal["yes", "no"]


@dataclass(frozen=True, slots=True)
class Step:
    """One planned change, in the words it will be made with.

    Attributes:
        gated: Whether it needs a person's yes.
    """

    does: str
    gated: bool


@dataclass(frozen=True, slots=True)
class Request:
    """One question: may this run make these changes?

    Attributes:
        parameters: Of the run, as typed.
        code_sha256: Of our sources, as they were when it was asked.
        starter_key_id: Of the token with which the starter proved who they are; empty: unproven.
        people_needed: How many different people must say yes.
        expires_at: Later answers are none. UTC.
    """

    runbook: str
    subject: str
    run_id: str
    requested_by: str
    starter_key_id: str
    people_needed: int
    reason: str
    plan: tuple[Step, ...]
    parameters: Mapping[str, Any]
    code_sha256: str
    asked_at: datetime
    expires_at: datetime

    @property
    def body(self) -> str:
        """Everything it binds, in one canonical line."""
        content = asdict(self) | {
            "plan": [[step.does, step.gated] for step in self.plan],
            "parameters": dict(self.parameters),
            "asked_at": self.asked_at.astimezone(UTC).isoformat(),
            "expires_at": self.expires_at.astimezone(UTC).isoformat(),
        }
        return canonical(content)

    @property
    def digest(self) -> str:
        """The SHA-256 of all it binds, as hex."""
        return hashlib.sha256(self.body.encode()).hexdigest()

    @property
    def id(self) -> str:
        """The short name a person types."""
        return self.digest[:10]

    @property
    def gated(self) -> tuple[str, ...]:
        """The changes that need the yes."""
        return tuple(step.does for step in self.plan if step.gated)

    @classmethod
    def of_body(cls, body: str) -> Self:
        """Return the request that `body` is."""
        content: dict[str, Any] = json.loads(body)
        plan = tuple(Step(does, gated) for does, gated in content.pop("plan"))
        for name in ("asked_at", "expires_at"):
            content[name] = datetime.fromisoformat(content[name])
        return cls(**content, plan=plan)


@dataclass(frozen=True, slots=True)
class Answer:
    """What somebody says to a request, by whatever channel it came.

    Attributes:
        key_id: Of the token it says it is signed with.
        says: "yes" or "no"; whatever else was sent is kept as it came.
        at: When it arrived; absent until it is written down.
        channel: How it came: "cli", "prefect".
    """

    request_id: str
    name: str
    key_id: str
    says: str
    reason: str
    signature: str
    channel: str = "cli"
    at: datetime | None = field(default=None, compare=False)

    @property
    def code(self) -> str:
        """Which token signed it, and the signature: all that a form has to carry besides words."""
        return f"{self.key_id}.{self.signature}"


def signed_answer(
    request: Request, token: PersonalToken, name: str, says: Says, reason: str
) -> Answer:
    """Return the answer of a token's owner, signed, as it comes from the command line."""
    signature = token.sign(words_of_answer(request.digest, says, name, reason))
    return Answer(request.id, name, token.key_id, says, reason, signature)


def words_of_answer(digest: str, says: str, name: str, reason: str) -> bytes:
    """Return what a token signs to answer: good for this question, this answer and nothing else."""
    reason_said = " ".join(reason.split())
    return canonical(["tradeops answer 1", digest, says, folded(name), reason_said]).encode()


def canonical(content: object) -> str:
    """Return `content` as the one JSON text it has here."""
    return json.dumps(content, sort_keys=True, separators=(",", ":"), default=str)
