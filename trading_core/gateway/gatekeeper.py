"""Who comes in: a token in force, not too often, with the scope that the endpoint needs."""

import base64
import binascii
from collections.abc import Mapping

from trading_core.access.api_token import Caller
from trading_core.access.rate import RateLimiter
from trading_core.access.token_book import TokenBook
from trading_core.clock import Clock
from trading_core.gateway.endpoints import Endpoint
from trading_core.gateway.problems import Refusal, no_token, too_often, wrong_scope

# Of each token, beside its own rate: a halt is not delayed by what else its holder asks.
_PROTECTIVE_CALLS_PER_MINUTE = 600


class Turned(Exception):  # noqa: N818 - a decision about a call, not a fault of ours
    """A holder we know is not let in: something to be put on record."""

    def __init__(self, caller: Caller, refusal: Refusal) -> None:
        super().__init__(str(refusal))
        self.caller = caller
        self.refusal = refusal


class Gatekeeper:
    """Looks at tokens and rates, in memory only. Called by one thread."""

    def __init__(self, book: TokenBook, clock: Clock) -> None:
        self._book = book
        self._clock = clock
        self._ordinary = RateLimiter()
        self._protective = RateLimiter()

    def admit(self, endpoint: Endpoint, headers: Mapping[str, str]) -> Caller:
        """Return who calls.

        Raises:
            Refusal: 401, nobody we know; 429, too often.
            Turned: Somebody we know, whose token has ended (401) or lacks the scope (403).
        """
        token = _token(endpoint, headers.get("authorization", ""))
        caller = None if token is None else self._book.holder(token)
        if caller is None:
            raise no_token()
        if wait_seconds := self._wait_seconds(endpoint, caller):
            raise too_often(wait_seconds)
        if fault := caller.fault(self._clock.now()):
            raise Turned(caller, no_token(fault))
        if endpoint.scope not in caller.scopes:
            has = sorted(caller.scopes)
            raise Turned(caller, wrong_scope(caller.name, has, endpoint.scope))
        return caller

    def _wait_seconds(self, endpoint: Endpoint, caller: Caller) -> float:
        if endpoint.protective:
            return self._protective.wait_seconds(caller.id, _PROTECTIVE_CALLS_PER_MINUTE)
        return self._ordinary.wait_seconds(caller.id, caller.calls_per_minute)


def _token(endpoint: Endpoint, authorization: str) -> str | None:
    """Return the token a call carries; a browser can only carry it as a password."""
    scheme, _, said = authorization.partition(" ")
    if scheme.lower() == "bearer":
        return said.strip()
    if scheme.lower() != "basic" or not endpoint.page:
        return None
    try:
        return base64.b64decode(said.strip(), validate=True).decode().partition(":")[2]
    except (binascii.Error, UnicodeDecodeError):
        return None
