"""The door itself: who holds tokens, what was asked, how often may be asked."""

from dataclasses import asdict
from datetime import datetime
from typing import Annotated, Any

from fastapi import Query

from trading_core.access import issuing
from trading_core.access.api_token import Caller
from trading_core.access.token_book import TokenBook
from trading_core.clock import SystemClock
from trading_core.gateway.call import Call
from trading_core.gateway.problems import Refusal
from trading_core.gateway.router import Handlers
from trading_core.gateway.words import KeyId, KeyWord, Word
from trading_core.storage.connect import Database
from trading_core.storage.operations.control_api import calls, tokens


class AccessAnswers:
    """Answers from the operations database."""

    def __init__(self, operations: Database, book: TokenBook) -> None:
        self._operations = operations
        self._book = book
        self._clock = SystemClock()

    def handlers(self) -> Handlers:
        """Return what answers which endpoint."""
        return {
            "GET /api/v1/security/api-keys": self.keys,
            "POST /api/v1/security/api-keys": self.issue,
            "DELETE /api/v1/security/api-keys/{key_id}": self.revoke,
            "POST /api/v1/security/revoke-all-keys": self.revoke_all,
            "GET /api/v1/audit": self.audit,
        }

    def keys(self) -> dict[str, Any]:
        """Return every token ever issued, without its secret."""
        now = self._clock.now()
        with self._operations.transaction() as connection:
            return {"keys": [_shown(one, now) for one in tokens.callers(connection)]}

    def issue(self, call: Call[KeyWord]) -> dict[str, Any]:
        """Make a token; it is in this answer and nowhere else."""
        word = call.word
        # Whose it is nobody chooses here: the caller's, who would be two people otherwise.
        wanted = issuing.Wanted(
            word.name,
            frozenset(word.scopes),
            word.days,
            word.calls_per_minute,
            call.caller.person,
        )
        now = self._clock.now()
        _refuse_more_than_own(call)
        with self._operations.transaction() as connection:
            by = f"{word.actor} ({call.caller.name})"
            token, caller = issuing.issue(connection, wanted, now, by)
        self._book.read_again()
        return {**_shown(caller, now), "token": token.text}

    def revoke(self, call: Call[Word], key_id: KeyId) -> dict[str, Any]:
        """End one token."""
        with self._operations.transaction() as connection:
            found = tokens.caller(connection, key_id)
        if found is None:
            raise Refusal(
                404,
                "KEY_UNKNOWN",
                f"key {key_id}: expected one that was issued, was none",
                next_step="GET /api/v1/security/api-keys lists them",
            )
        return self._revoked(call, [key_id])

    def revoke_all(self, call: Call[Word]) -> dict[str, Any]:
        """End every token that was ever issued, the caller's own too."""
        with self._operations.transaction() as connection:
            found = [one.id for one in tokens.callers(connection)]
        return self._revoked(call, found)

    def audit(
        self,
        start_date: datetime | None = None,
        after: Annotated[int, Query(ge=0, lt=2**63)] = 0,
        limit: Annotated[int, Query(ge=1, le=1000)] = 100,
    ) -> dict[str, Any]:
        """Return lines of the record of calls, oldest first; `after` is a place in it."""
        with self._operations.transaction() as connection:
            lines = calls.since(connection, after, limit, start_date)
        return {"lines": [asdict(line) for line in lines]}

    def _revoked(self, call: Call[Word], ids: list[str]) -> dict[str, Any]:
        now = self._clock.now()
        with self._operations.transaction() as connection:
            count = tokens.revoke(connection, ids, revoked_by=call.word.actor)
            left = [one for one in tokens.callers(connection) if not one.fault(now)]
        for one in ids:
            self._book.note_revoked(one, now)
        return {"revoked": count, "in_force": [_shown(one, now) for one in left]}


def _refuse_more_than_own(call: Call[KeyWord]) -> None:
    """Nobody gives away what they do not have."""
    more = sorted(set(call.word.scopes) - call.caller.scopes)
    if more:
        raise Refusal(
            403,
            "SCOPE_MISSING",
            f"key {call.word.name}: expected scopes of the caller's own token, was also "
            f"{', '.join(more)}; nothing was done",
            next_step="have it issued by `tradeops tokens issue`",
        )


def _shown(one: Caller, now: datetime) -> dict[str, Any]:
    return {
        "id": one.id,
        "name": one.name,
        "person": one.person,
        "scopes": sorted(one.scopes),
        "calls_per_minute": one.calls_per_minute,
        "valid_until": one.valid_until,
        "in_force": not one.fault(now),
    }
