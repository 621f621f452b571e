"""People for the tests: real tokens, real signatures, said yes in a thread or not at all."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from pydantic import SecretStr

from tasks.kernel import Grant
from trading_core.approval.judgement import APPROVE, Holder
from trading_core.approval.personal_token import PersonalToken, folded
from trading_core.approval.request import Answer, Request, Says, signed_answer
from trading_core.clock import poll, seconds
from trading_core.errors import TradingError
from trading_core.storage.connect import connect
from trading_core.storage.operations import approvals, people

_NAMES = ("risk manager", "head of trading")
_LOOK_EVERY = timedelta(milliseconds=50)


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody with a token of their own."""

    name: str
    token: PersonalToken = field(default_factory=PersonalToken.new)

    def answer(self, request: Request, says: Says = "yes", reason: str = "looked at it") -> Answer:
        """Return this person's signed answer."""
        return signed_answer(request, self.token, self.name, says, reason)

    def holder(self, **differently: Any) -> Holder:
        """Return the token as the operations database knows it."""
        known: dict[str, Any] = {
            "key_id": self.token.key_id,
            "name": self.name,
            "scope": APPROVE,
            "public_key": self.token.public_key,
            "person": folded(self.name),
        }
        return Holder(**known | differently)


def enrol(owner_dsn: SecretStr, person: Person, **differently: Any) -> None:
    """Let the operations database know a person's token, as `tradeops people add` would."""
    with connect(owner_dsn, application="tests") as connection:
        if person.token.key_id not in people.holders(connection):
            people.add(connection, person.holder(**differently), added_by="tests")


@contextmanager
def approving(operations_owner_dsn: SecretStr, says: Says = "yes") -> Iterator[list[Request]]:
    """Have a risk manager, and a second person where two are needed, answer every request.

    Args:
        operations_owner_dsn: Of the operations database, its owner's: only the owner adds people.
        says: What they say.

    Yields:
        The requests they have answered, as they come.
    """
    answered: list[Request] = []
    persons = [Person(name) for name in _NAMES]
    for person in persons:
        enrol(operations_owner_dsn, person)
    left = threading.Event()

    def answer_those_that_wait() -> bool:
        try:
            with connect(operations_owner_dsn, application="people") as connection:
                for request in approvals.open_requests(connection):
                    if request.id not in {one.id for one in answered}:
                        _answer(connection, request, persons, says)
                        answered.append(request)
        except TradingError:
            pass  # the database is away for a while: people try again
        return left.is_set()

    def work() -> None:
        poll(answer_those_that_wait, within=seconds(3600), every=_LOOK_EVERY)

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    try:
        yield answered
    finally:
        left.set()
        thread.join(timeout=30)


def _answer(connection: Any, request: Request, persons: list[Person], says: Says) -> None:
    others = [one for one in persons if folded(one.name) != folded(request.requested_by)]
    for person in others[: request.people_needed]:
        approvals.answer(connection, person.answer(request, says))


@dataclass(frozen=True, slots=True)
class FullGrant(Grant):
    """A grant that covers whatever is asked of it: for tests of one action, not of approvals."""

    def spend(self, does: str, run_id: str) -> None:
        """Let it be done."""


def full_grant(by: str = "bob", reason: str = "fine") -> Grant:
    """Return a grant of everything."""
    return FullGrant("request", "digest", "run-1", (), (by,), (reason,), float("inf"))
