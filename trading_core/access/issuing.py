"""Giving tokens out, and ending them: by an operator's command, or through the control API."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from psycopg import Connection

from trading_core.access.api_token import ApiToken, Caller, Scope
from trading_core.errors import ConfigurationError
from trading_core.storage.operations import people
from trading_core.storage.operations.control_api import calls, tokens

DAYS_MAX = 366
CALLS_PER_MINUTE = 600


@dataclass(frozen=True, slots=True)
class Wanted:
    """A token somebody wants.

    Attributes:
        days: How long it is in force.
        person: Whose it is, by their number in the firm's list of people; empty: a machine's.
    """

    name: str
    scopes: frozenset[Scope]
    days: int
    calls_per_minute: int = CALLS_PER_MINUTE
    person: str = ""


def issue(
    connection: Connection, wanted: Wanted, now: datetime, issued_by: str
) -> tuple[ApiToken, Caller]:
    """Make a token and keep its hash; the token itself is in the answer, and nowhere else.

    Raises:
        ConfigurationError: Without a name or a scope, for too long, for no calls at all, or for a
            person nobody has vouched for.
    """
    if not wanted.name.strip() or not wanted.name.isprintable() or not wanted.scopes:
        raise ConfigurationError(
            f"API token: expected a name and at least one scope, was {wanted.name!r} and "
            f"{sorted(wanted.scopes)}",
            next_step="write it like: tradeops tokens issue 'pager' --scope halt --days 90",
        )
    if not 1 <= wanted.days <= DAYS_MAX or not 1 <= wanted.calls_per_minute <= 60_000:
        raise ConfigurationError(
            f"API token: expected 1 to {DAYS_MAX} days and 1 to 60000 calls a minute, was "
            f"{wanted.days} days and {wanted.calls_per_minute} calls",
            next_step="issue it for less, and a new one when it ends",
        )
    _require_vouched_for(connection, wanted.person)
    token = ApiToken.new()
    caller = Caller(
        id=token.id,
        name=" ".join(wanted.name.split()),
        scopes=wanted.scopes,
        secret_sha256=token.secret_sha256,
        calls_per_minute=wanted.calls_per_minute,
        valid_until=now + timedelta(days=wanted.days),
        person=wanted.person,
    )
    tokens.add(connection, caller, issued_by=issued_by)
    return token, caller


def end_unvouched(connection: Connection, persons: set[str], revoked_by: str) -> list[str]:
    """End the tokens of those for whom nobody vouches any more; return the ids of what is ended.

    Called in the transaction that revokes their personal tokens: both are ended, or neither.
    """
    calls.take_turn(connection)
    gone = persons - _vouched_for(connection)
    ids = [
        one.id
        for one in tokens.callers(connection)
        if one.person in gone and one.revoked_at is None
    ]
    tokens.revoke(connection, ids, revoked_by=revoked_by)
    return ids


def _require_vouched_for(connection: Connection, person: str) -> None:
    """Take a person's number only where the owner of the database has written the same one down.

    So that one person does not become two by a number typed otherwise.
    """
    if not person:
        return
    # In turn with `end_unvouched`, or a token could be issued while its holder is being revoked.
    calls.take_turn(connection)
    if person not in _vouched_for(connection):
        raise ConfigurationError(
            f"API token: expected the number of somebody with a personal token, was {person!r}",
            next_step="see `tradeops people list`; `tradeops people add` vouches for somebody",
        )


def _vouched_for(connection: Connection) -> set[str]:
    return {one.person for one in people.holders(connection).values() if one.revoked_at is None}
