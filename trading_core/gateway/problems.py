"""How the control API says no: a code for programs, a sentence and a next step for people."""

from collections.abc import Sequence

from fastapi.responses import JSONResponse
from pydantic import BaseModel


class Problem(BaseModel):
    """What is answered instead of a result. Where nothing was done, the sentence says so."""

    code: str
    message: str
    next_step: str


class Refusal(Exception):  # noqa: N818 - a decision about a call, not a fault of ours
    """A call that is not let through."""

    def __init__(
        self, status: int, code: str, message: str, *, next_step: str, retry_seconds: float = 0
    ) -> None:
        super().__init__(message)
        self.status = status
        self.problem = Problem(code=code, message=message, next_step=next_step)
        self._retry_seconds = retry_seconds

    def answer(self) -> JSONResponse:
        """Return what the caller is told."""
        headers = {}
        if self.status == 401:
            headers["WWW-Authenticate"] = "Bearer"
        if self._retry_seconds:
            headers["Retry-After"] = str(max(1, round(self._retry_seconds)))
        return JSONResponse(self.problem.model_dump(), self.status, headers)


def no_token(found: str = "was absent or wrong") -> Refusal:
    """The call names nobody who may call."""
    return Refusal(
        401,
        "TOKEN_NOT_IN_FORCE",
        f"token: expected one in force in the header Authorization, {found}; nothing was done",
        next_step="send `Authorization: Bearer <token>`; `tradeops tokens issue` makes one",
    )


def wrong_scope(name: str, has: Sequence[str], needs: str) -> Refusal:
    """The token may not ask this."""
    return Refusal(
        403,
        "SCOPE_MISSING",
        f"token of {name}: expected the scope {needs}, was {', '.join(has)}; nothing was done",
        next_step=f"use a token with the scope {needs}",
    )


def too_often(seconds: float) -> Refusal:
    """The token's calls of this minute are used up."""
    return Refusal(
        429,
        "TOO_MANY_CALLS",
        f"rate: expected a call in {seconds:.1f} s at the earliest, was now; nothing was done",
        next_step="wait as long as Retry-After says",
        retry_seconds=seconds,
    )


def overloaded(calls: int) -> Refusal:
    """More ordinary calls are under way than are good for the protective ones."""
    return Refusal(
        503,
        "OVERLOADED",
        f"gateway: expected fewer than {calls} calls under way, was {calls}; nothing was done",
        next_step="ask again in a second; what protects is answered all the same",
        retry_seconds=1,
    )


def not_a_request(status: int, found: str) -> Refusal:
    """The body is none that this endpoint takes."""
    return Refusal(
        status,
        "NOT_A_REQUEST",
        f"body: {found}; nothing was done",
        next_step="correct it; /openapi.json says what is expected",
    )


def no_key() -> Refusal:
    """A change without a key to tell its repetition from another one."""
    return Refusal(
        422,
        "IDEMPOTENCY_KEY_MISSING",
        "header Idempotency-Key: expected 1 to 128 printable ASCII characters without spaces, "
        "was not; nothing was done",
        next_step="send one, the same again only when repeating the same request",
    )


def key_of_another_request(key: str) -> Refusal:
    """The key stands for something else."""
    return Refusal(
        409,
        "IDEMPOTENCY_KEY_REUSED",
        f"idempotency key {key}: expected the request it was first used for, was another; "
        "nothing was done",
        next_step="use a new key for a new request",
    )


def under_way(key: str) -> Refusal:
    """The first call with this key has not ended."""
    return Refusal(
        409,
        "STILL_UNDER_WAY",
        f"idempotency key {key}: expected the first call to have ended, was under way",
        next_step="ask again with the same key in a moment",
        retry_seconds=1,
    )


def cut_off(key: str) -> Refusal:
    """The first call with this key was cut off; what became of it is not known."""
    return Refusal(
        409,
        "OUTCOME_UNKNOWN",
        f"idempotency key {key}: the first call was cut off, what it did is not known; "
        "it is not done again by itself",
        next_step="look at GET /api/v1/state, then ask with a new key if it is still wanted",
    )


def mode_forbids(mode: str, act: str, actor: str, reason: str) -> Refusal:
    """The mode of the system does not allow it."""
    return Refusal(
        409,
        "MODE_FORBIDS",
        f"mode: expected one that allows {act}, was {mode} by {actor}: {reason}; nothing was done",
        next_step="GET /api/v1/mode says what is allowed; POST /api/v1/mode/exit leaves the mode",
    )


def no_record(found: str) -> Refusal:
    """What permits has to be on record first, and is not."""
    return Refusal(
        503,
        "NOT_RECORDED",
        f"record of calls: expected the database to take the call, {found}; nothing was done",
        next_step="see `tradeops status`; halt, breaker and cancel-all need no database",
        retry_seconds=2,
    )
