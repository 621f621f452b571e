"""`tradeops breaks`: the differences with the broker, with both sides' words."""

import json
from typing import Annotated

import typer
from rich.table import Table

from deployments.terminal import open_console
from trading_core.clock import SystemClock
from trading_core.errors import ConfigurationError
from trading_core.settings import Settings

_APPLICATION = "tradeops breaks"


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    group = typer.Typer(name="breaks", help="Differences between our books and the broker's.")
    group.command(name="list")(list_)
    group.command(name="show")(show)
    app.add_typer(group)


def list_(
    everything: Annotated[
        bool, typer.Option("--all", help="Those that are gone or repaired too.")
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="For programs: a list of objects.")
    ] = False,
) -> None:
    """List breaks, the oldest first. Exit code 1: one is open, and keeps its day from closing."""
    from trading_core.reconciliation.lifecycle import Standing
    from trading_core.storage.connect import connect
    from trading_core.storage.trading import breaks

    dsn = Settings.read().secret("trading_dsn")
    with connect(dsn, application=_APPLICATION) as connection:
        found = breaks.listed(connection, settled_too=everything)
    now = SystemClock().now()
    rows = [
        {
            "break": one.id,
            "account": one.found.account,
            "day": one.found.trading_date.isoformat(),
            "type": one.found.type.value,
            "about": one.found.subject,
            "shares": f"{one.found.shares:+f}",
            "cash": f"{one.found.cash_usd:+,.2f}",
            "standing": one.standing.value,
            "age": _age(now - one.opened_at),
            "owner": one.owner or "nobody",
            "repair": one.found.repair.value,
        }
        for one in found
    ]
    if as_json:
        typer.echo(json.dumps(rows, indent=2))
    else:
        _print(rows)
    if any(one.standing is Standing.OPEN for one in found):
        raise typer.Exit(1)


def show(
    break_id: Annotated[str, typer.Argument(help="As `tradeops breaks list` has it.")],
) -> None:
    """Show one break: what either side says, what happened to it, and what would end it."""
    from trading_core.reconciliation.breaks import told
    from trading_core.storage.connect import connect
    from trading_core.storage.trading import breaks

    dsn = Settings.read().secret("trading_dsn")
    with connect(dsn, application=_APPLICATION) as connection:
        kept = breaks.find(connection, break_id)
        life = breaks.life_of(connection, break_id)
    if kept is None:
        raise ConfigurationError(
            f"break {break_id}: expected one on record, found none",
            next_step="see `tradeops breaks list --all`",
        )
    found = kept.found
    console = open_console()
    console.print(f"{kept.id}: {found.type} of {found.subject}, {kept.standing}", markup=False)
    console.print(f"  account {found.account}, day {found.trading_date}", markup=False)
    console.print(f"  ours:   {told(found.ours)}", markup=False)
    console.print(f"  theirs: {told(found.theirs)}", markup=False)
    console.print(
        f"  the broker has {found.shares:+f} shares and ${found.cash_usd:+,.2f} because of it",
        markup=False,
    )
    console.print(f"  owner: {kept.owner or 'nobody'}; repair: {found.repair}", markup=False)
    table = Table("at (UTC)", "event", "day", "by", "why")
    for one in life:
        word = one.reason or (one.owner or "")
        table.add_row(f"{one.at:%F %T}", one.event, f"{one.trading_date}", one.actor, word)
    console.print(table)


def _print(rows: list[dict[str, str]]) -> None:
    if not rows:
        typer.echo("our books and the broker's agree: no break is on record")
        return
    table = Table(*rows[0])
    for row in rows:
        table.add_row(*row.values())
    open_console().print(table)


def _age(since: object) -> str:
    """Return an age as days, hours and minutes."""
    text = str(since)
    return text.partition(".")[0].rpartition(":")[0]
