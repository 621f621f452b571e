"""`tradeops people`: who may approve and who may start, by personal tokens; who is on call.

A token is made here and shown once; only its public half is kept. Adding and revoking need the
owner of the operations database, which no runbook is.
"""

import getpass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from deployments import secret_file
from deployments.terminal import open_console
from trading_core.approval.judgement import APPROVE, SCOPES, Holder
from trading_core.approval.personal_token import PersonalToken, folded
from trading_core.errors import ConfigurationError
from trading_core.settings import Settings

_APPLICATION = "tradeops people"


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    group = typer.Typer(name="people", help="Personal tokens: add, revoke, list; who is on call.")
    group.command(name="add")(add)
    group.command(name="revoke")(revoke)
    group.command(name="list")(list_)
    group.command(name="on-call")(on_call)
    app.add_typer(group)


def add(
    name: Annotated[str, typer.Argument(help="Of the person, as colleagues know them.")],
    scope: Annotated[str, typer.Option(help="approve, or run: prove who starts a runbook.")],
    person: Annotated[
        str,
        typer.Option(help="Their number in the firm's list of people; asked for when absent."),
    ] = "",
    until: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m-%d"], help="Last day; absent: no end.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="A new file for the token, readable by you only.")
    ] = None,
) -> None:
    """Make a token for somebody and show it once, or write it to a file of mode 0600."""
    from trading_core.storage.connect import connect
    from trading_core.storage.operations import people

    person = person or typer.prompt("Personnel number", err=True)
    _require_known(scope, name, person)
    token = PersonalToken.new()
    end = None if until is None else until.replace(hour=23, minute=59, second=59, tzinfo=UTC)
    holder = Holder(
        key_id=token.key_id,
        name=" ".join(name.split()),
        scope=scope,
        public_key=token.public_key,
        person=person.strip(),
        valid_until=end,
    )
    file = None if out is None else secret_file.reserve(out)
    dsn = Settings.read().secret("operations_owner_dsn")
    with connect(dsn, application=_APPLICATION) as connection:
        people.add(connection, holder, added_by=getpass.getuser())
    if file is None:
        typer.echo(token.text)
    else:
        secret_file.fill(file, token.text)
    where = "above, shown this once" if out is None else f"in {out}"
    typer.echo(
        f"{holder.name} may {scope} {_until(holder)}: token {token.key_id}, {where}", err=True
    )


def revoke(
    who: Annotated[str, typer.Argument(help="A token's id, or a name: then all of theirs.")],
) -> None:
    """Revoke tokens, now. Answers they gave to requests that still wait count for nothing.

    Whoever has no personal token left loses their tokens of the control API with the last one.
    """
    from trading_core.access import issuing
    from trading_core.access.call import CallLine
    from trading_core.clock import SystemClock
    from trading_core.storage.connect import connect
    from trading_core.storage.operations import people
    from trading_core.storage.operations.control_api import calls

    dsn, by = Settings.read().secret("operations_owner_dsn"), getpass.getuser()
    with connect(dsn, application=_APPLICATION) as connection:
        known = people.holders(connection).values()
        meant = [one for one in known if who == one.key_id or _is(who, one)]
        count = people.revoke(connection, [one.key_id for one in meant], revoked_by=by)
        ended = issuing.end_unvouched(connection, {one.person for one in meant}, by)
        if count or ended:
            facts = {"of": who, "personal_tokens": count, "tokens": ended}
            now = SystemClock().now()
            calls.append(connection, CallLine.of_command(f"{_APPLICATION} revoke", now, by, facts))
    if not meant:
        raise ConfigurationError(
            f"{who}: expected a token's id or a name, found none of them",
            next_step="see `tradeops people list`",
        )
    typer.echo(f"revoked {count} tokens of {who}" if count else f"{who} had none in force")
    if ended:
        typer.echo(f"and {len(ended)} of the control API: {', '.join(ended)}")


def list_() -> None:
    """List every token ever given out, by its id. No secret is kept, so none is shown."""
    from trading_core.storage.connect import connect
    from trading_core.storage.operations import people

    dsn = Settings.read().secret("operations_dsn")
    with connect(dsn, application=_APPLICATION) as connection:
        known = people.holders(connection).values()
        now = people.now(connection)
    table = Table("name", "person", "may", "token", "in force")
    for one in known:
        table.add_row(one.name, one.person, one.scope, one.key_id, _standing(one, now))
    open_console().print(table)


def on_call() -> None:
    """Say who is on call now, until when, and how each is reached."""
    from trading_core.calendar.exchange_calendar import ExchangeCalendar
    from trading_core.clock import EXCHANGE_ZONE, SystemClock
    from trading_core.on_call.roster import Roster, role_of, shift_at

    settings = Settings.read()
    roster = Roster.read(settings.on_call_file)
    calendar = ExchangeCalendar.of(settings.calendar_file)
    shift = shift_at(roster, SystemClock().now(), calendar)
    table = Table("level", "after", "role", "reached by")
    for level, rung in enumerate(roster.ladder, start=1):
        role = role_of(rung, shift)
        reach = roster.contacts.get(role) or "[yellow]nobody has said[/]"
        table.add_row(str(level), f"{rung.after_minutes} min", role, reach)
    open_console().print(table)
    until = shift.ends_at.astimezone(EXCHANGE_ZONE)
    typer.echo(f"until {until:%a %F %H:%M} New York; then {shift.next_primary} is primary")


def _require_known(scope: str, name: str, person: str) -> None:
    if not person.strip():
        raise ConfigurationError(
            f"people: expected the personnel number of {name}, was none",
            next_step="take it from the firm's list of people: by it one person has one voice",
        )
    if scope not in SCOPES or not name.strip() or "[" in name:
        raise ConfigurationError(
            f"people: expected a name and {' or '.join(SCOPES)}, was {name!r} and {scope!r}",
            next_step=f"write it like: tradeops people add 'risk manager' --scope {APPROVE}",
        )


def _is(who: str, one: Holder) -> bool:
    return folded(who) == folded(one.name)


def _until(one: Holder) -> str:
    return "until it is revoked" if one.valid_until is None else f"until {one.valid_until:%F}"


def _standing(one: Holder, now: datetime) -> str:
    if one.revoked_at is not None:
        return f"[red]revoked {one.revoked_at:%F %H:%M}[/]"
    if one.valid_until is not None and one.valid_until < now:
        return f"[yellow]ended {one.valid_until:%F}[/]"
    return f"[green]{_until(one)}[/]"
