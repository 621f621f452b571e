"""Breaks against the broker: each written down once, and every event of its life."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from psycopg import Connection
from psycopg.rows import class_row, dict_row
from psycopg.types.json import Json, Jsonb

from trading_core.reconciliation.breaks import Break, BreakType, Subject
from trading_core.reconciliation.lifecycle import Event, KeptBreak, Standing

_SELECT = (
    "SELECT account, trading_date, type, about, name, symbol, ours, theirs, shares, cash_usd,"
    " standing, owner, reason, actor, opened_at, stands_since, last_date FROM current_breaks"
)
_UNSETTLED = "standing IN ('open', 'explained')"


@dataclass(frozen=True, slots=True)
class Happened:
    """One event of a break's life. `at` is wall time.

    Attributes:
        facts: Of a repair: the rows as they were and as they are.
    """

    event: str
    trading_date: date
    owner: str | None
    actor: str
    reason: str
    facts: Mapping[str, Any]
    at: datetime


def write_down(connection: Connection, one: Break) -> None:
    """Write a break down, if it is not there from before."""
    connection.execute(
        "INSERT INTO breaks (id, account, trading_date, type, about, name, symbol, ours, theirs,"
        " shares, cash_usd, repair) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)"
        " ON CONFLICT (id) DO NOTHING",
        (
            *(one.id, one.account, one.trading_date, one.type, one.about, one.name, one.symbol),
            None if one.ours is None else Json(dict(one.ours)),
            None if one.theirs is None else Json(dict(one.theirs)),
            *(one.shares, one.cash_usd, one.repair),
        ),
    )


@dataclass(frozen=True, slots=True)
class Word:
    """Who does something about a break, and why.

    Attributes:
        day: The trading day whose close it is about.
        owner: Of an assignment: whose it is from now on.
        facts: Of a repair: the rows as they were and as they are.
    """

    day: date
    actor: str
    reason: str = ""
    owner: str | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)


def add_event(connection: Connection, break_id: str, event: Event, word: Word) -> None:
    """Add an event to a break's life."""
    connection.execute(
        "INSERT INTO break_events (break_id, event, trading_date, owner, actor, reason, facts)"
        " VALUES (%s, %s, %s, %s, %s, %s, %s)",
        (
            *(break_id, event, word.day, word.owner, word.actor, word.reason),
            Jsonb(dict(word.facts)),
        ),
    )


def find(connection: Connection, break_id: str) -> KeptBreak | None:
    """Return one break, or None."""
    found = _read(connection, "id = %s", (break_id,))
    return found[0] if found else None


def among(connection: Connection, break_ids: Sequence[str]) -> dict[str, KeptBreak]:
    """Return those of some ids that are on record, by id."""
    return {one.id: one for one in _read(connection, "id = ANY(%s)", (list(break_ids),))}


def unsettled(connection: Connection, account: str) -> dict[str, KeptBreak]:
    """Return an account's breaks that are still there, explained or not, by id."""
    found = _read(connection, f"account = %s AND {_UNSETTLED}", (account,))
    return {one.id: one for one in found}


def listed(connection: Connection, *, settled_too: bool = False) -> list[KeptBreak]:
    """Return breaks of every account, the oldest first: those that are still there, or all."""
    return _read(connection, "true" if settled_too else _UNSETTLED, ())


def of_day(connection: Connection, account: str, trading_date: date) -> list[KeptBreak]:
    """Return an account's breaks that were in the way of a day, settled since or not."""
    where = "account = %s AND trading_date <= %s AND last_date >= %s"
    return _read(connection, where, (account, trading_date, trading_date))


def open_count(connection: Connection, account: str | None = None) -> int:
    """Return how many breaks are open, of one account or of all."""
    row = connection.execute(
        "SELECT count(*) FROM current_breaks"
        " WHERE standing = 'open' AND (%(account)s::text IS NULL OR account = %(account)s)",
        {"account": account},
    ).fetchone()
    assert row is not None, "an aggregate has a row"
    return int(row[0])


def life_of(connection: Connection, break_id: str) -> list[Happened]:
    """Return all that happened to a break, in order."""
    with connection.cursor(row_factory=class_row(Happened)) as cursor:
        cursor.execute(
            "SELECT event, trading_date, owner, actor, reason, facts, at FROM break_events"
            " WHERE break_id = %s ORDER BY seq",
            (break_id,),
        )
        return cursor.fetchall()


def _read(connection: Connection, where: str, values: tuple[Any, ...]) -> list[KeptBreak]:
    with connection.cursor(row_factory=dict_row) as cursor:
        cursor.execute(f"{_SELECT} WHERE {where} ORDER BY opened_at, id", values)
        return [_kept(row) for row in cursor.fetchall()]


def _kept(row: Mapping[str, Any]) -> KeptBreak:
    found = Break(
        type=BreakType(row["type"]),
        about=Subject(row["about"]),
        **{name: row[name] for name in ("account", "name", "symbol", "trading_date")},
        **{name: row[name] for name in ("ours", "theirs", "shares", "cash_usd")},
    )
    return KeptBreak(
        found,
        Standing(row["standing"]),
        *(row["owner"], row["reason"], row["actor"]),
        *(row["opened_at"], row["stands_since"], row["last_date"]),
    )
