"""`tradeops tokens`: who may ask what of the control API.

A token is made here and shown once; only a hash of it is kept. What is done here stands in the same
record as what is asked over HTTP.
"""

import getpass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from deployments import secret_file
from deployments.terminal import open_console
from trading_core.access.api_token import Caller, Scope
from trading_core.errors import ConfigurationError
from trading_core.settings import Settings

if TYPE_CHECKING:
    from psycopg import Connection

_APPLICATION = "tradeops tokens"


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    group = typer.Typer(name="tokens", help="Tokens of the control API: issue, revoke, list.")
    group.command(name="issue")(issue)
    group.command(name="revoke")(revoke)
    group.command(name="list")(list_)
    app.add_typer(group)


def issue(
    name: Annotated[str, typer.Argument(help="Who will hold it: a script, a service, a role.")],
    scope: Annotated[list[Scope], typer.Option(help="What it may do; once for each.")],
    days: Annotated[int, typer.Option(help="How long it is in force, at most 366.")] = 90,
    per_minute: Annotated[int, typer.Option(help="Calls a minute it may make.")] = 600,
    person: Annotated[
        str, typer.Option(help="Whose it is, by their number; absent: a machine's, nobody's voice.")
    ] = "",
    out: Annotated[
        Path | None, typer.Option(help="A new file for the token, readable by you only.")
    ] = None,
) -> None:
    """Make a token and show it once, or write it to a file of mode 0600."""
    from trading_core.access import issuing
    from trading_core.clock import SystemClock
    from trading_core.storage.connect import connect

    file = None if out is None else secret_file.reserve(out)
    wanted = issuing.Wanted(name, frozenset(scope), days, per_minute, person.strip())
    dsn = Settings.read().secret("operations_dsn")
    with connect(dsn, application=_APPLICATION) as connection:
        now = SystemClock().now()
        token, caller = issuing.issue(connection, wanted, now, getpass.getuser())
        _put_on_record(connection, "issue", now, _facts(caller))
    if file is None:
        typer.echo(token.text)
    else:
        secret_file.fill(file, token.text)
    where = "above, shown this once" if out is None else f"in {out}"
    typer.echo(
        f"{caller.name} may {', '.join(sorted(caller.scopes))} until "
        f"{caller.valid_until:%F %H:%M} UTC: token {caller.id}, {where}",
        err=True,
    )


def revoke(
    who: Annotated[str, typer.Argument(help="A token's id, or a name: then all of theirs.")],
) -> None:
    """Revoke tokens: no change is let in from now on, and nothing at all within two seconds."""
    from trading_core.clock import SystemClock
    from trading_core.storage.connect import connect
    from trading_core.storage.operations.control_api import tokens

    dsn = Settings.read().secret("operations_dsn")
    with connect(dsn, application=_APPLICATION) as connection:
        wanted = [one.id for one in tokens.callers(connection) if who in (one.id, one.name)]
        count = tokens.revoke(connection, wanted, revoked_by=getpass.getuser())
        if count:
            _put_on_record(connection, "revoke", SystemClock().now(), {"tokens": wanted})
    if not wanted:
        raise ConfigurationError(
            f"{who}: expected a token's id or a name, found none of them",
            next_step="see `tradeops tokens list`",
        )
    typer.echo(f"revoked {count} tokens of {who}" if count else f"{who} had none in force")


def list_() -> None:
    """List every token ever issued, by its id. No secret is kept, so none is shown."""
    from trading_core.clock import SystemClock
    from trading_core.storage.connect import connect
    from trading_core.storage.operations.control_api import tokens

    dsn = Settings.read().secret("operations_dsn")
    with connect(dsn, application=_APPLICATION) as connection:
        known = tokens.callers(connection)
    now = SystemClock().now()
    table = Table("name", "person", "may", "token", "calls/min", "in force")
    for one in known:
        scopes = ", ".join(sorted(one.scopes))
        table.add_row(
            one.name,
            one.person or "-",
            scopes,
            one.id,
            str(one.calls_per_minute),
            _standing(one, now),
        )
    open_console().print(table)


def _facts(caller: Caller) -> dict[str, object]:
    return {
        "token": caller.id,
        "name": caller.name,
        "person": caller.person,
        "scopes": sorted(caller.scopes),
        "valid_until": f"{caller.valid_until:%FT%TZ}",
    }


def _put_on_record(
    connection: "Connection", verb: str, at: datetime, facts: dict[str, object]
) -> None:
    from trading_core.access.call import CallLine
    from trading_core.storage.operations.control_api import calls

    line = CallLine.of_command(f"{_APPLICATION} {verb}", at, getpass.getuser(), facts)
    calls.append(connection, line)


def _standing(one: Caller, now: datetime) -> str:
    if one.revoked_at is not None:
        return f"[red]revoked {one.revoked_at:%F %H:%M}[/]"
    if one.fault(now):
        return f"[yellow]ended {one.valid_until:%F %H:%M}[/]"
    return f"[green]until {one.valid_until:%F %H:%M}[/]"
